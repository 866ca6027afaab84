// aio for Amp: each tool call asks `aio hook amp EVENT` first, so that no agent overwrites another's work.
//
// One JSON object goes in, at most one comes out: {"deny": reason} stops the call, {"context": text} is shown to the
// model. Nothing of this blocks Amp: where aio is missing, fails, or is silent for ten seconds, the call passes.
// Installed by `aio init`; checked against the plugin interface that Amp 0.0.1790142911 documents.

import { spawn } from 'node:child_process'
import type { PluginAPI, PluginThread, ToolCall, ToolResult, ToolResultResult } from '@ampcode/plugin'

export const description = 'Keeps several coding agents in one repository from overwriting each other'

const LIMIT_MS = 10_000

type Answer = { deny?: string; context?: string }

/** aio's answer to one event; an empty one where it gives none. */
function ask(event: string, question: Record<string, unknown>): Promise<Answer> {
	return new Promise<Answer>((resolve) => {
		const path = `${process.env.HOME}/.ai-orchestrator/bin:${process.env.PATH ?? ''}`
		const aio = spawn('aio', ['hook', 'amp', event], {
			env: { ...process.env, PATH: path },
			stdio: ['pipe', 'pipe', 'ignore'],
		})
		let text = ''
		const settle = (answer: Answer) => {
			clearTimeout(limit)
			resolve(answer)
		}
		const limit = setTimeout(() => {
			aio.kill('SIGKILL')
			settle({})
		}, LIMIT_MS)
		aio.on('error', () => settle({}))
		aio.on('close', (code) => settle(code === 0 ? understand(text) : {}))
		aio.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
		// An aio that ended without reading has said what it had to say.
		aio.stdin.on('error', () => {})
		aio.stdin.end(JSON.stringify(question))
	}).catch(() => ({}))
}

function understand(text: string): Answer {
	try {
		return JSON.parse(text) ?? {}
	} catch {
		return {}
	}
}

/** A tool's result with a text at its end; undefined where it has no text to add to. */
function extended(event: ToolResult, context: string): ToolResultResult {
	if (event.status === 'error') {
		return { status: 'error', error: [event.error, context].filter(Boolean).join('\n\n'), output: event.output }
	}
	if (event.status !== 'done' || typeof event.output !== 'string') return undefined
	return { status: 'done', output: `${event.output}\n\n${context}` }
}

export default function (amp: PluginAPI) {
	const root = amp.system.workspaceRoot
	const cwd = root ? amp.helpers.filePathFromURI(root) : process.cwd()
	const briefs = new Map<string, Promise<Answer>>()

	/** A subagent's thread shares the instance of the one that started it, if that one runs here. */
	const session = async (thread: PluginThread): Promise<string> => {
		const parent = await thread.parentThreadID().catch(() => null)
		return parent && briefs.has(parent) ? parent : thread.id
	}

	const told = new Set<string>()
	/** What is to be said of a call before it ran, where only its result can be added to. */
	const remarks = new Map<string, string>()

	const tell = async (event: string, thread: PluginThread, more: Record<string, unknown> = {}): Promise<Answer> => {
		const id = await session(thread)
		await start(id)
		return ask(event, { session: id, cwd, ...more })
	}

	/** Threads that were open before this plugin was loaded start with their first event. */
	const start = (id: string): Promise<Answer> => {
		const brief = briefs.get(id) ?? ask('session.start', { session: id, cwd })
		briefs.set(id, brief)
		return brief
	}

	/** What is known of a call: the files too, where Amp can tell. */
	const call = (event: ToolCall) => {
		const files = amp.helpers.filesModifiedByToolCall(event)?.map(amp.helpers.filePathFromURI)
		return { tool: event.tool, input: event.input, call: event.toolUseID, ...(files && { files }) }
	}

	amp.on('session.start', async (_event, { thread }) => {
		await start(await session(thread))
	})

	amp.on('agent.start', async (event, { thread }) => {
		if ((await session(thread)) !== thread.id) return {}
		const { context } = await tell('agent.start', thread, { prompt: event.message })
		const brief = told.has(thread.id) ? undefined : (await briefs.get(thread.id))?.context
		told.add(thread.id)
		const content = [brief, context].filter(Boolean).join('\n')
		return content ? { message: { content } } : {}
	})

	amp.on('tool.call', async (event, { thread }) => {
		const { deny, context } = await tell('tool.call', thread, call(event))
		if (context) remarks.set(event.toolUseID, context)
		return deny ? { action: 'reject-and-continue', message: deny } : { action: 'allow' }
	})

	amp.on('tool.result', async (event, { thread }) => {
		const more = { ...call(event), output_error: event.status === 'error' }
		const { context } = await tell('tool.result', thread, more)
		const words = [remarks.get(event.toolUseID), context].filter(Boolean).join('\n\n')
		remarks.delete(event.toolUseID)
		return words ? extended(event, words) : undefined
	})

	amp.on('agent.end', async (_event, { thread }) => {
		if ((await session(thread)) === thread.id) await tell('agent.end', thread)
	})
}
