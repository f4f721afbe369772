// The client of the TypeScript SDK v1.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const script = JSON.parse(process.env.CLIENT_SCRIPT);
const print = (document) => console.log(JSON.stringify(document));

const { server } = script;
const transport = server.url
  ? new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers: server.headers } })
  : new StdioClientTransport(server);
const client = new Client({ name: "chattool-tests", version: "1" });
await client.connect(transport);

const { tools } = await client.listTools(); // from here on the client checks answers against their schemas
print({ tools: tools.map((tool) => tool.name) });

for (const step of script.steps) {
  const progress = [];
  try {
    const result = await client.callTool(
      { name: step.tool, arguments: step.arguments, ...(step.meta && { _meta: step.meta }) },
      undefined,
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
