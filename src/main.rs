//! `aio`

fn main() -> std::process::ExitCode {
    aio::main(std::env::args_os().collect())
}
