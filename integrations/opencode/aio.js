// aio for OpenCode: each tool call asks `aio hook opencode EVENT` first, so that no agent overwrites another's work.
//
// One JSON object goes in, at most one comes out: {"deny": reason} stops the call, {"context": text} is shown to the
// model. Nothing of this blocks OpenCode: where aio is missing, fails, or is silent for ten seconds, the call passes.
// Installed by `aio init`; verified with OpenCode 1.18.33.

import { spawn } from "node:child_process"

const LIMIT_MS = 10_000

/** aio's answer to one event; an empty one where it gives none. */
const ask = (event, question) =>
  new Promise((resolve) => {
    const path = `${process.env.HOME}/.ai-orchestrator/bin:${process.env.PATH ?? ""}`
    const aio = spawn("aio", ["hook", "opencode", event], {
      env: { ...process.env, PATH: path },
      stdio: ["pipe", "pipe", "ignore"],
    })
    let text = ""
    const settle = (answer) => {
      clearTimeout(limit)
      resolve(answer)
    }
    const limit = setTimeout(() => {
      aio.kill("SIGKILL")
      settle({})
    }, LIMIT_MS)
    aio.on("error", () => settle({}))
    aio.on("close", (code) => settle(code === 0 ? understand(text) : {}))
    aio.stdout.setEncoding("utf8").on("data", (part) => (text += part))
    // An aio that ended without reading has said what it had to say.
    aio.stdin.on("error", () => {})
    aio.stdin.end(JSON.stringify(question))
  }).catch(() => ({}))

const understand = (text) => {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

export const Aio = async ({ client, directory }) => {
  const parents = new Map()
  const started = new Map()
  const briefed = new Set()
  /** What is to be said of a call before it ran, where only its result can be added to. */
  const remarks = new Map()

  const parent = (session) => {
    if (!parents.has(session)) {
      const found = client.session.get({ path: { id: session } })
      parents.set(session, found.then(({ data }) => data?.parentID, () => undefined))
    }
    return parents.get(session)
  }

  /** Subagents have sessions of their own, and share the instance of the one that started them. */
  const root = async (session) => {
    const above = await parent(session)
    return above ? root(above) : session
  }

  const tell = async (event, session, more = {}) => {
    // A resumed session is not created again, so its first event here counts as its start.
    if (!started.has(session)) started.set(session, ask("session.created", { session, cwd: directory }))
    const { context: brief } = await started.get(session)
    const answer = await ask(event, { session, cwd: directory, ...more })
    return { ...answer, brief }
  }

  return {
    event: async ({ event }) => {
      const session = event.properties?.sessionID ?? event.properties?.info?.id
      if (event.type === "session.idle" && !(await parent(session))) await tell("session.idle", session)
      if (event.type === "session.deleted" && started.delete(session)) {
        await ask("session.deleted", { session, cwd: directory })
      }
    },

    "chat.message": async ({ sessionID }, { message, parts }) => {
      if (await parent(sessionID)) return
      const prompt = parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")
      const { context, brief } = await tell("chat.message", sessionID, { prompt })
      const news = [briefed.has(sessionID) ? undefined : brief, context].filter(Boolean).join("\n")
      briefed.add(sessionID)
      const last = parts.at(-1)
      if (news && last) {
        parts.push({ id: `${last.id}aio`, messageID: message.id, sessionID, type: "text", text: news, synthetic: true })
      }
    },

    "tool.execute.before": async ({ tool, sessionID, callID }, { args }) => {
      const session = await root(sessionID)
      const { deny, context } = await tell("tool.execute.before", session, { tool, input: args, call: callID })
      if (deny) throw new Error(deny)
      if (context) remarks.set(callID, context)
    },

    "tool.execute.after": async ({ tool, sessionID, callID, args }, output) => {
      const session = await root(sessionID)
      const { context } = await tell("tool.execute.after", session, { tool, input: args, call: callID })
      const remark = remarks.get(callID)
      remarks.delete(callID)
      if (typeof output?.output === "string") output.output = [output.output, remark, context].filter(Boolean).join("\n\n")
    },
  }
}
