import type { Task } from '../contender.js'

/** What both contenders send: packets of MoldUDP64 with as many messages as fit a frame of Ethernet. */
export const HEADER_BYTES = 20
export const SEQUENCE_AT = 10
export const COUNT_AT = 18
const BLOCK_HEADER_BYTES = 2
const PACKET_BYTES = 1_472

export const GROUP = '239.192.0.77'
export const LOOPBACK = '127.0.0.1'
export const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** A message block: its length, the topic, a zero and the data. */
export function blockOf(topic: string, size: number): Buffer {
  const body = Buffer.concat([Buffer.from(`${topic}\0`), Buffer.alloc(size, 1)])
  const block = Buffer.alloc(BLOCK_HEADER_BYTES + body.length)
  block.writeUInt16BE(body.length, 0)
  body.copy(block, BLOCK_HEADER_BYTES)
  return block
}

/** How many blocks of `bytes` fit one packet. */
export function blocksIn(bytes: number): number {
  return Math.floor((PACKET_BYTES - HEADER_BYTES) / bytes)
}

/** The host of a task: a group for the manner `multicast`, else this machine. */
export function hostOf({ manner }: Task): string {
  return manner === 'multicast' ? GROUP : LOOPBACK
}
