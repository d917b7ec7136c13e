// Serves one GGUF model with the OpenAI protocol's chat completions, one request after the other.
// node server.mjs MODEL.gguf PORT
import { createServer } from "node:http";
import { getLlama, LlamaChatSession } from "node-llama-cpp";

const [modelPath, port] = process.argv.slice(2);
const llama = await getLlama({ build: "never" });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 2048, sequences: 1 });
const count = { requests: 0, answered: 0, prompt_tokens: 0, completion_tokens: 0 };
let turn = Promise.resolve();

async function answer(request) {
  const system = request.messages.find((message) => message.role === "system")?.content ?? "";
  const user = request.messages.findLast((message) => message.role === "user")?.content ?? "";
  const sequence = context.getSequence();
  try {
    const session = new LlamaChatSession({ contextSequence: sequence, systemPrompt: system });
    const schema = request.response_format?.json_schema?.schema;
    const grammar = schema ? await llama.createGrammarForJsonSchema(schema) : undefined;
    const maxTokens = Math.min(request.max_tokens ?? request.max_completion_tokens ?? 512, 512);
    const text = await session.prompt(user, { grammar, maxTokens, temperature: request.temperature ?? 1 });
    const usage = {
      prompt_tokens: model.tokenize(system + user).length,
      completion_tokens: model.tokenize(text).length,
    };
    const finish = usage.completion_tokens >= maxTokens ? "length" : "stop";
    return { text, usage, finish };
  } finally {
    sequence.dispose();
  }
}

function send(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

createServer((incoming, response) => {
  if (incoming.url === "/count") return send(response, 200, count);
  if (incoming.url === "/v1/models") return send(response, 200, { data: [{ id: "smollm2" }] });
  const chunks = [];
  incoming.on("data", (chunk) => chunks.push(chunk));
  incoming.on("end", () => {
    count.requests += 1;
    turn = turn.then(async () => {
      try {
        const { text, usage, finish } = await answer(JSON.parse(Buffer.concat(chunks)));
        count.answered += 1;
        count.prompt_tokens += usage.prompt_tokens;
        count.completion_tokens += usage.completion_tokens;
        const message = { role: "assistant", content: text };
        send(response, 200, { choices: [{ index: 0, message, finish_reason: finish }], usage });
      } catch (error) {
        send(response, 500, { error: { message: String(error) } });
      }
    });
  });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
