// The client of the TypeScript SDK v2, in the era that the script names: "auto" or "legacy".
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const script = JSON.parse(process.env.CLIENT_SCRIPT);
const print = (document) => console.log(JSON.stringify(document));

const { server } = script;
const transport = server.url
  ? new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers: server.headers } })
  : new StdioClientTransport(server);
const client = new Client(
  { name: "chattool-tests", version: "1" },
  { versionNegotiation: { mode: script.era } },
);
await client.connect(transport);

const { tools } = await client.listTools();
print({ tools: tools.map((tool) => tool.name) });

for (const step of script.steps) {
  const progress = [];
  try {
    const result = await client.callTool(
      { name: step.tool, arguments: step.arguments, ...(step.meta && { _meta: step.meta }) },
      {
        timeout: (step.timeout_seconds ?? 30) * 1000,
        onprogress: ({ progress: value, total, message }) => progress.push([value, total, message]),
      },
    );
    print({
      text: result.content.map((block) => block.text),
      structured: result.structuredContent,
      is_error: result.isError ?? false,
      progress,
    });
  } catch (error) {
    print({ error: { code: error.code, message: error.cause ? `${error.message}: ${error.cause}` : error.message } });
  }
}
await client.close();
