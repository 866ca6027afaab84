// Amp as its plugins see it, as far as ours looks: it cannot run without its server. One line of JSON on stdin is one
// event for a thread; one line on stdout is what the plugin's handler gave.

import { createInterface } from 'node:readline'
import plugin from '../../integrations/amp/aio.ts'

type Handler = (event: object, context: object) => Promise<unknown>

const handlers = new Map<string, Handler>()
const parents = new Map<string, string>()

plugin({
	on: (event: string, handler: Handler) => handlers.set(event, handler),
	system: { workspaceRoot: new URL(`file://${process.cwd()}/`) },
	helpers: {
		filePathFromURI: (uri: URL) => decodeURIComponent(uri.pathname).replace(/(.)\/$/, '$1'),
		filesModifiedByToolCall: ({ input }: { input: { path?: string } }) =>
			input.path ? [new URL(`file://${input.path}`)] : null,
	},
} as never)

for await (const line of createInterface({ input: process.stdin })) {
	const { event, thread, parent, ...rest } = JSON.parse(line)
	if (parent) parents.set(thread, parent)
	const context = { thread: { id: thread, parentThreadID: async () => parents.get(thread) ?? null } }
	const answer = await handlers.get(event)?.({ thread: { id: thread }, ...rest }, context)
	console.log(JSON.stringify(answer ?? null))
}
