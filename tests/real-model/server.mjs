// Serves one GGUF model with the OpenAI protocol's chat completions, one request after the other.
// node server.mjs MODEL.gguf PORT [THREADS]
import { createServer } from "node:http";
import { getLlama, LlamaChatSession } from "node-llama-cpp";

const [modelPath, port, threads = "1"] = process.argv.slice(2);
const llama = await getLlama({ build: "never" });
const model = await llama.loadModel({ modelPath });
// llama.cpp's threads spin at a barrier after every operation of every layer. One thread too many for the processors that are free, and
// each barrier waits for a time slice: on 2 shared cores its default of 4 threads made 0.2 tokens a second, 2 threads 7 to 30, 1 thread 50.
// The grammar costs nothing that could be measured.
const context = await model.createContext({ contextSize: 2048, sequences: 1, threads: Number(threads) });
const count = { requests: 0, answered: 0, failed: 0, prompt_tokens: 0, completion_tokens: 0, seconds: 0 };
// What is generated where a list is asked for, in place of the schema in the request: as free as that leaves it, this small a model ends the
// list after one item or never ends a string (and as plain text it writes about the task). Within these bounds it names things, many twice.
const list = {
  type: "object",
  properties: { items: { type: "array", minItems: 10, maxItems: 20, items: { type: "string", minLength: 2, maxLength: 40 } } },
  required: ["items"],
};
const grammarOfList = await llama.createGrammarForJsonSchema(list);
let turn = Promise.resolve();

async function answer(request, signal) {
  const system = request.messages.find((message) => message.role === "system")?.content ?? "";
  const user = request.messages.findLast((message) => message.role === "user")?.content ?? "";
  const sequence = context.getSequence();
  try {
    const session = new LlamaChatSession({ contextSequence: sequence, systemPrompt: system });
    const grammar = request.response_format?.json_schema ? grammarOfList : undefined;
    const maxTokens = Math.min(request.max_tokens ?? request.max_completion_tokens ?? 512, 512);
    const temperature = request.temperature ?? 1;
    const options = { grammar, maxTokens, temperature, minP: 0.05, signal };
    const { responseText, stopReason } = await session.promptWithMeta(user, options);
    // What was evaluated, and not what the text would be cut into: the template, white space and the end of the answer count too.
    const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.getState();
    const usage = { prompt_tokens: usedInputTokens, completion_tokens: usedOutputTokens };
    return { text: responseText, usage, finish: stopReason === "maxTokens" ? "length" : "stop" };
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
  // Who has given up is not generated for: the next would wait behind it.
  const gone = new AbortController();
  response.on("close", () => response.writableFinished || gone.abort(new Error("the client is gone")));
  incoming.on("data", (chunk) => chunks.push(chunk));
  incoming.on("end", () => {
    count.requests += 1;
    turn = turn.then(async () => {
      const began = performance.now();
      try {
        gone.signal.throwIfAborted();
        const { text, usage, finish } = await answer(JSON.parse(Buffer.concat(chunks)), gone.signal);
        const seconds = (performance.now() - began) / 1000;
        count.answered += 1;
        count.prompt_tokens += usage.prompt_tokens;
        count.completion_tokens += usage.completion_tokens;
        count.seconds += seconds;
        console.log(JSON.stringify({ ...usage, seconds: Number(seconds.toFixed(2)), finish, text }));
        const message = { role: "assistant", content: text };
        send(response, 200, { choices: [{ index: 0, message, finish_reason: finish }], usage });
      } catch (error) {
        count.failed += 1;
        console.log(JSON.stringify({ error: String(error) }));
        if (!gone.signal.aborted) send(response, 500, { error: { message: String(error) } });
      }
    });
  });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
