// A file on its way to the caller.

import { Truncated, UnexpectedAnswer } from "./errors.js";
import { infoOf, type Info } from "./info.js";
import { Problem } from "./problem.js";
import type { Answer, Blocks } from "./transport.js";

/**
 * A file, or a part of it: iterate over its blocks, or take `stream`, or `bytes` or `text` of all
 * of it; one of these, and once. `Truncated` is thrown if the connection is lost before its end.
 */
export class Download implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  readonly info: Info;
  /** Of what is downloaded, in bytes; `info.size` is that of the whole file. */
  readonly size: number;
  private readonly blocks: Blocks;

  constructor(
    path: string,
    private readonly answer: Answer,
  ) {
    const { head, blocks } = answer;
    this.info = fileInfoOf(path, head);
    this.size = head.status === 206 ? partOf(head) : this.info.size;
    this.blocks = whole(blocks(), path, this.size);
  }

  [Symbol.asyncIterator](): Blocks {
    return this.blocks;
  }

  get stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const blocks = this.blocks;
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await blocks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await blocks.return();
      },
    });
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const received: Uint8Array<ArrayBuffer>[] = [];
    for await (const block of this) received.push(block);
    return new Uint8Array(await new Blob(received).arrayBuffer());
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** Ends the transfer without reading the rest. */
  async cancel(): Promise<void> {
    await this.blocks.return();
    await this.answer.cancel();
  }
}

/** What a download is of. A directory under this path is answered with its listing. */
export function fileInfoOf(path: string, head: Response): Info {
  const info = infoOf(path, head);
  if (info.type === "directory") {
    const message = `'${path}' is a directory; list it instead`;
    throw new Problem(message, { code: "IS_A_DIRECTORY", status: head.status });
  }
  return info;
}

function partOf(head: Response): number {
  const range = /^bytes (\d+)-(\d+)\//.exec(head.headers.get("Content-Range") ?? "");
  if (range === null) throw new UnexpectedAnswer("the answer does not say which part it is");
  return Number(range[2]) - Number(range[1]) + 1;
}

async function* whole(blocks: Blocks, path: string, size: number): Blocks {
  let received = 0;
  for await (const block of blocks) {
    received += block.byteLength;
    yield block;
  }
  if (received < size) throw new Truncated(`${path}: ${received} of ${size} bytes`);
}
