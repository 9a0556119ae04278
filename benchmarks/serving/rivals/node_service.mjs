// Fastify and onnxruntime-node with the Open Inference Protocol, JSON and binary, in one process.
//
//     node node_service.mjs FILE PORT
//
// The session computes on the event loop's thread. Requests that arrive meanwhile are read together
// afterwards, and form the next batch.

import Fastify from "fastify";
import onnx from "onnxruntime-node";

const MAX_BATCH_ROWS = 64;
const HEAD_LENGTH = "inference-header-content-length";

const [file, port] = process.argv.slice(2);
const session = await onnx.InferenceSession.create(file, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3, // without the advice on the overridable input
});
const INPUT = session.inputNames[0];
const FEATURES = session.inputMetadata[0].shape[1];

class BadRequest extends Error {
  statusCode = 400;
}

// Requests that wait for the next batch: { values, rows, names, resolve, reject }.
let waiting = [];

// Return the requested outputs of the rows, each { name, width, values }.
function infer(values, names) {
  return new Promise((resolve, reject) => {
    waiting.push({ values, rows: values.length / FEATURES, names, resolve, reject });
    if (waiting.length === 1) setImmediate(computeAll);
  });
}

async function computeAll() {
  const requests = waiting;
  waiting = [];
  let batch = [];
  let rows = 0;
  for (const request of requests) {
    if (batch.length && rows + request.rows > MAX_BATCH_ROWS) {
      await compute(batch, rows);
      batch = [];
      rows = 0;
    }
    batch.push(request);
    rows += request.rows;
  }
  await compute(batch, rows);
}

async function compute(batch, rows) {
  try {
    const names = batch.length === 1 ? batch[0].names : [...new Set(batch.flatMap((r) => r.names))];
    const input = new onnx.Tensor("float32", gathered(batch, rows), [rows, FEATURES]);
    const outputs = await session.run({ [INPUT]: input }, names);
    let start = 0;
    for (const request of batch) {
      const end = start + request.rows;
      request.resolve(request.names.map((name) => part(name, outputs[name], start, end)));
      start = end;
    }
  } catch (error) {
    for (const request of batch) request.reject(error);
  }
}

function gathered(batch, rows) {
  if (batch.length === 1) return batch[0].values;
  const values = new Float32Array(rows * FEATURES);
  let start = 0;
  for (const request of batch) {
    values.set(request.values, start);
    start += request.values.length;
  }
  return values;
}

function part(name, tensor, start, end) {
  const width = tensor.dims[1];
  return { name, width, values: tensor.data.subarray(start * width, end * width) };
}

// Return the rows of the request's input as one Float32Array.
function decoded(tensor, tail) {
  const { shape, datatype, data } = tensor;
  if (datatype !== "FP32" || shape?.length !== 2 || shape[0] < 1 || shape[1] !== FEATURES) {
    throw new BadRequest(`expected FP32 with the shape [rows, ${FEATURES}]`);
  }
  const count = shape[0] * FEATURES;
  if (tensor.parameters?.binary_data_size !== undefined) {
    if (tail?.length !== count * 4) throw new BadRequest(`expected ${count * 4} bytes of data`);
    // A copy: the bytes may start at an address that is no multiple of four.
    return new Float32Array(tail.buffer.slice(tail.byteOffset, tail.byteOffset + tail.length));
  }
  if (data?.length !== count) throw new BadRequest(`expected ${count} numbers`);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    if (typeof data[i] !== "number") throw new BadRequest("expected numbers");
    values[i] = data[i];
  }
  return values;
}

// Respond with each output as JSON, or as bytes after it where `binary` says so.
function respond(outputs, binary, reply) {
  const tails = [];
  const tensors = outputs.map(({ name, width, values }, i) => {
    const tensor = { name, datatype: "FP32", shape: [values.length / width, width] };
    if (!binary[i]) return { ...tensor, data: Array.from(values) };
    tails.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    return { ...tensor, parameters: { binary_data_size: values.byteLength } };
  });
  const document = { model_name: "model", model_version: "1", outputs: tensors };
  if (!tails.length) return reply.send(document);
  const head = Buffer.from(JSON.stringify(document));
  return reply
    .type("application/octet-stream")
    .header(HEAD_LENGTH, head.length)
    .send(Buffer.concat([head, ...tails]));
}

const app = Fastify({ bodyLimit: 16 * 1024 * 1024 });

app.addContentTypeParser(
  "application/octet-stream",
  { parseAs: "buffer" },
  async (request, bytes) => {
    const length = Number(request.headers[HEAD_LENGTH] ?? bytes.length);
    try {
      const body = JSON.parse(bytes.toString("utf8", 0, length));
      body.tail = bytes.subarray(length);
      return body;
    } catch {
      throw new BadRequest("expected JSON before the binary data");
    }
  },
);

app.post("/v2/models/:name/infer", async ({ body }, reply) => {
  if (body?.inputs?.length !== 1 || body.inputs[0].name !== INPUT) {
    throw new BadRequest(`expected one input named ${INPUT}`);
  }
  const requested = body.outputs ?? session.outputNames.map((name) => ({ name }));
  const names = requested.map((output) => output.name);
  if (!names.every((name) => session.outputNames.includes(name))) {
    throw new BadRequest(`expected outputs among ${session.outputNames.join(", ")}`);
  }
  const inBytes = body.parameters?.binary_data_output ?? false;
  const binary = requested.map((output) => output.parameters?.binary_data ?? inBytes);
  return respond(await infer(decoded(body.inputs[0], body.tail), names), binary, reply);
});

await app.listen({ host: "127.0.0.1", port: Number(port) });
