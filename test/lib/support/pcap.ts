/** Classic pcap files with UDP over IPv4 over Ethernet: enough for what goes to tshark and comes from it. */

export interface CapturedDatagram {
  readonly bytes: Uint8Array
  readonly port: number
}

const FILE_HEADER = 24
const RECORD_HEADER = 16
const ETHERNET = 14
const IP = 20
const UDP = 8
const MAGIC = 0xa1b2c3d4
const LINK_TYPE_ETHERNET = 1
const MOST_BYTES = 262_144

/** A capture of datagrams to a multicast group, a millisecond apart. */
export function writePcap(datagrams: readonly CapturedDatagram[]): Uint8Array {
  const header = Buffer.alloc(FILE_HEADER)
  header.writeUInt32LE(MAGIC, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(MOST_BYTES, 16)
  header.writeUInt32LE(LINK_TYPE_ETHERNET, 20)
  return Buffer.concat([header, ...datagrams.flatMap(record)])
}

/** What the datagrams of a capture carry. */
export function readPcap(file: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(file)
  if (bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(20) !== LINK_TYPE_ETHERNET) {
    throw new Error('expected a little-endian pcap file of Ethernet')
  }
  const payloads: Uint8Array[] = []
  for (let at = FILE_HEADER; at < bytes.length; ) {
    const ip = at + RECORD_HEADER + ETHERNET
    const udp = ip + 4 * (bytes.readUInt8(ip) & 0x0f)
    payloads.push(new Uint8Array(bytes.subarray(udp + UDP, udp + bytes.readUInt16BE(udp + 4))))
    at += RECORD_HEADER + bytes.readUInt32LE(at + 8)
  }
  return payloads
}

function record({ bytes, port }: CapturedDatagram, index: number): Buffer[] {
  const packet = Buffer.alloc(ETHERNET + IP + UDP)
  packet.write('01005e010203020000000001' /* to 239.1.2.3 */, 0, 'hex')
  packet.writeUInt16BE(0x0800, 12)
  packet[ETHERNET] = 0x45
  packet.writeUInt16BE(IP + UDP + bytes.length, ETHERNET + 2)
  packet[ETHERNET + 8] = 1
  packet[ETHERNET + 9] = 17
  packet.set([10, 0, 0, 1, 239, 1, 2, 3], ETHERNET + 12)
  packet.writeUInt16BE(checksum(packet.subarray(ETHERNET, ETHERNET + IP)), ETHERNET + 10)
  packet.writeUInt16BE(40_000, ETHERNET + IP)
  packet.writeUInt16BE(port, ETHERNET + IP + 2)
  packet.writeUInt16BE(UDP + bytes.length, ETHERNET + IP + 4)
  const header = Buffer.alloc(RECORD_HEADER)
  header.writeUInt32LE(Math.floor(index / 1_000), 0)
  header.writeUInt32LE((index % 1_000) * 1_000, 4)
  header.writeUInt32LE(packet.length + bytes.length, 8)
  header.writeUInt32LE(packet.length + bytes.length, 12)
  return [header, packet, Buffer.from(bytes)]
}

function checksum(header: Buffer): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
