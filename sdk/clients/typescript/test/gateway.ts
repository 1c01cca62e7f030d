// The gateway that tests/sdk-clients/run started, and a folder of it for each test.

import { Client } from "callfs";

export const client = new Client();

let number = 0;

export function folder(): string {
  return `/typescript-${process.pid}-${number++}`;
}

export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export const encode = (text: string) => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
