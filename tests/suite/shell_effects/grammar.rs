//! Random commands that bash runs to a good end, mostly: small writers and readers, in all that can stand around them.

use std::path::Path;

/// Files by the folder they lie in. What is created is named apart, so that no pattern finds it by surprise, and only `old` is
/// ever removed or moved whole.
const FOLDERS: [(&str, &[&str]); 3] = [
    ("", &["a", "b.txt", "c.txt", "sp ace", "it's"]),
    ("dir", &["d.txt", "e"]),
    ("src", &["x.rs", "y.rs", "sub/z.rs"]),
];

/// Each is a format: `@F` and `@G` files that are there, `@N` a name that is free, all in one folder.
const WRITERS: [&str; 44] = [
    "echo hi > @N",
    "echo hi > @F",
    "echo hi >> @F",
    "echo hi >| @F",
    "cat @F > @N",
    "echo hi &> @N",
    "ls >& @N",
    "ls 2> @N",
    "> @F",
    "echo 'a > b' > @N",
    "echo \"$(echo 'x > y')\" > @N",
    "{ echo a; echo b; } > @N",
    "(echo a) >> @F",
    "echo hi | tee @F > /dev/null",
    "echo hi | tee -a @N @F",
    "sed -i.bak 's/./x/' @F",
    "sed -i.bak -e 's/./x/' @F",
    "perl -pi -e 's/./x/' @F",
    "perl -i.orig -pe 's/./x/' @F",
    "cp @F @N",
    "cp @F @G",
    "mv @F @N",
    "mv -f @F @G",
    "rm @F",
    "rm -f @F @N",
    "rm -rf @F",
    "unlink @F",
    "dd if=/dev/null of=@F 2>/dev/null",
    "install -m 644 @F @N",
    "ln -s @F @N",
    "ln @F @N",
    "touch @F @N",
    "sort -o @N @F",
    "cat > @N <<'EOF'\necho hi > nowhere\nrm @F\nEOF\n",
    "cat <<EOF > @N\n> nowhere\nEOF\n",
    "cat <<-EOF >> @F\n\tx\n\tEOF\n",
    "sed 's/./x/' @F > @N && mv @N @F",
    "[ -f @F ] && rm @F",
    "[[ -f @F && a < b ]] && echo x > @F",
    "(( 2 > 1 )) && echo x > @F",
    "while read line; do echo \"$line\" >> @N; break; done < @F",
    "bash -c 'echo hi > @N'",
    "eval 'echo hi > @N'",
    "sort @F | tee >(cat > /dev/null) > @N",
];

/// Only where they are: at the root of the tree.
const ROOTED: [&str; 22] = [
    "rm *.txt",
    "perl -pi -e 's/./x/' *.txt",
    "for f in *.txt; do if [ -e \"$f\" ]; then echo x >> \"$f\"; fi; done",
    "for f in b c; do rm $f.txt; done",
    "cp a dir",
    "cp a dir/",
    "cp a b.txt dir",
    "cp *.txt dir",
    "cp -r src dir",
    "cp -r src/. dir",
    "cp -R src/sub @N",
    "mv a dir",
    "mv *.txt dir/",
    "mv src/x.rs src/y.rs dir",
    "rm -r old",
    "mv old @N",
    "find src -name '*.rs' -delete",
    "find src -type f -name '?.rs' -exec perl -pi -e 's/./x/' {} \\;",
    "find old -delete",
    "rm {b,c}.txt",
    "touch @N{1..3}",
    "cp b.txt{,.copy}",
];

/// Whether what stands in it certainly runs, and what is around it. `@P` is a command.
const AROUND: [(bool, &str); 26] = [
    (true, "@P"),
    (true, "@P"),
    (true, "@P\n@P"),
    (true, "@P; @P"),
    (true, "@P && @P"),
    (true, "(@P)"),
    (true, "{ @P; }"),
    (true, "if true; then @P; fi"),
    (false, "if false; then @P; else @P; fi"),
    (false, "false || @P"),
    (false, "true || @P"),
    (true, "for i in 1; do @P; done"),
    (false, "case x in y) @P;; x) @P;; esac"),
    (true, "@N() { @P; }; @N"),
    (true, "f() { @P; }; @P"),
    (true, "x=$(@P)"),
    (true, "echo \"`@P`\""),
    (true, "@P | cat"),
    (true, "{ @P & wait; }"),
    (false, "! @P || true"),
    (true, "echo # @P\n@P"),
    (true, "echo 'rm @F; echo > @F'; @P"),
    (true, "env X=1 true && @P"),
    (true, "if @P; then :; fi"),
    (true, "cat <<'EOF'\nrm @F\nEOF\n@P"),
    (true, "time { @P; }"),
];

const READERS: [&str; 46] = [
    "cat @F",
    "grep -c '>' @F || true",
    "ls -la > /dev/null",
    "ls 2>&1",
    "ls >&2",
    "ls &> /dev/null",
    "echo 'a > b'",
    "echo \"a > b\"",
    "echo a \\> b",
    "echo rm @F",
    "head -n 1 @F",
    "sed -n 1p @F",
    "sed 's/./x > y/' @F",
    "perl -ne 'print if />/' @F",
    "awk '$1 > 3' @F",
    "[[ a > b ]] || true",
    "[[ a < b && -f @F ]]",
    "(( 3 > 2 ))",
    "echo $(( 3 > 2 ))",
    "echo $(( 1 << 2 ))",
    "test -f @F",
    "cat <<EOF\n> @F\nrm @F\nEOF\n",
    "cat <<'EOF'\n$(rm @F)\nEOF\n",
    "cat <<< 'a > b'",
    "wc -l < @F",
    "sort @F | uniq",
    "diff @F @F",
    "cmp @F @F",
    "find . -name '*.rs'",
    "find src -type f -exec cat {} +",
    "tee < @F",
    "tee /dev/null < @F",
    "dd if=@F of=/dev/null 2>&1",
    "f() { rm @F; }",
    "echo # > @F",
    "x='> @F'; echo \"$x\"",
    "x='> @F'; echo $x",
    "printf '%s > %s\\n' @F @F",
    "true || { :; }",
    "for f in *.txt; do cat \"$f\"; done",
    "while read l; do echo \"$l\"; done < @F",
    "case @F in *.txt) cat @F;; *) :;; esac",
    "cat <(sort @F)",
    "bash -c 'cat @F'",
    "echo {@F,@F}",
    "cd src && ls && cd ..",
];

pub struct Grammar {
    seed: u64,
    names: usize,
}

impl Grammar {
    pub fn new(seed: u64) -> Grammar {
        Grammar { seed, names: 0 }
    }

    /// A command that writes, and whether all of it certainly runs.
    pub fn writer(&mut self, root: &Path) -> (String, bool) {
        let (is_certain, around) = AROUND[self.below(AROUND.len())];
        let (outer_is_certain, outer) = match AROUND[self.below(AROUND.len())] {
            // A function that may not have been defined is not known; and bash takes a here-document in `$(…)` apart wrongly.
            (_, outer) if around.contains("@N") || around.contains("<<") || outer.contains("$(") => (true, "@P"),
            outer => outer,
        };
        let command = self.filled(&outer.replace("@P", around), root);
        // A here-document ends with a line of its own, behind which a command begins.
        let command = ["; ", ";", " && ", " || "]
            .iter()
            .fold(command, |command, joint| command.replace(&format!("EOF\n{joint}"), "EOF\n"));
        (command, is_certain && outer_is_certain)
    }

    /// Each place filled with a command of its own.
    fn filled(&mut self, around: &str, root: &Path) -> String {
        let mut pieces = around.split("@P");
        let mut command = pieces.next().unwrap().to_owned();
        for piece in pieces {
            command += &self.command(root);
            command += piece;
        }
        self.name(&command.replace("@F", "a"))
    }

    fn command(&mut self, root: &Path) -> String {
        if self.below(4) == 0 {
            let rooted = ROOTED[self.below(ROOTED.len())];
            return self.name(rooted);
        }
        let (folder, _) = FOLDERS[self.below(FOLDERS.len())];
        let writer = WRITERS[self.below(WRITERS.len())];
        let is_document = writer.contains("<<");
        match self.below(4) {
            0 if !folder.is_empty() && !is_document => {
                format!("(cd {folder} && {})", self.with_files(writer, folder, ""))
            }
            1 if !folder.is_empty() && !is_document => {
                let writer = self.with_files(writer, folder, "");
                format!("{{ cd {folder}; {writer}; cd ..; }}")
            }
            2 => {
                let prefix = format!("{}/", root.join(folder).display());
                self.with_files(writer, folder, &prefix)
            }
            _ => {
                let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                self.with_files(writer, folder, &prefix)
            }
        }
    }

    pub fn reader(&mut self) -> String {
        let (first, second) = (READERS[self.below(READERS.len())], READERS[self.below(READERS.len())]);
        let command = if self.below(2) == 0 { first.to_owned() } else { format!("{first}\n{second}") };
        command.replace("@F", ["a", "b.txt", "src/x.rs"][self.below(3)])
    }

    fn with_files(&mut self, command: &str, folder: &str, prefix: &str) -> String {
        let ((first, second), name) = (self.names_in(folder), self.name("@N"));
        let is_nested = command.contains("-c '") || command.contains("eval '");
        let mut quoted = |file: &str| {
            if is_nested {
                format!("{prefix}{}", file.replace([' ', '\''], "?"))
            } else {
                self.quoted(&format!("{prefix}{file}"))
            }
        };
        let (first, second, name) = (quoted(&first), quoted(&second), quoted(&name));
        command.replace("@F", &first).replace("@G", &second).replace("@N", &name)
    }

    /// Two different files of the folder.
    fn names_in(&mut self, folder: &str) -> (String, String) {
        let (_, files) = FOLDERS.iter().find(|(name, _)| *name == folder).unwrap();
        let first = self.below(files.len());
        let second = (first + 1 + self.below(files.len() - 1)) % files.len();
        (files[first].to_owned(), files[second].to_owned())
    }

    fn name(&mut self, command: &str) -> String {
        self.names += 1;
        command.replace("@N", &format!("new{}", self.names))
    }

    /// The same word in one of the ways to write it.
    fn quoted(&mut self, word: &str) -> String {
        let is_plain = !word.contains([' ', '\'']);
        match self.below(6) {
            0 if is_plain => word.to_owned(),
            1 if !word.contains('\'') => format!("'{word}'"),
            2 if !word.starts_with('/') => format!("\"./{word}\""),
            3 if !word.starts_with('/') => format!("\"$PWD/{word}\""),
            4 => word.replace(' ', "\\ ").replace('\'', "\\'"),
            _ => format!("\"{word}\""),
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed % limit as u64) as usize
    }
}
