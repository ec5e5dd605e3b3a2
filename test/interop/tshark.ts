import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writePcap } from '../lib/support/pcap.js'

/** What tshark makes of one datagram. */
export interface Dissected {
  readonly session: string
  readonly sequence: string
  readonly count: string
  /** The number and the bytes of each message, as tshark counts and finds them. */
  readonly numbers: readonly string[]
  readonly messages: readonly string[]
  /** The names of the fields and flags by which tshark says that the packet is malformed. */
  readonly complaints: readonly string[]
}

const PORT = 26_400

const FIELDS = ['session', 'sequence', 'count', 'msgseq', 'msgdata'].map((name) => `moldudp64.${name}`)
const COMPLAINTS = [
  '_ws.malformed',
  'moldudp64.count.invalid',
  'moldudp64.msglen.invalid',
  'moldudp64.end_of_session_extra',
]

/** Why tests with tshark cannot run here; `false` where they can. */
export function tsharkMissing(): string | false {
  const { error, status } = spawnSync('tshark', ['--version'])
  return error === undefined && status === 0 ? false : 'tshark is not installed; on Debian: apt-get install tshark'
}

/** Has tshark read datagrams as MoldUDP64. */
export function dissect(packets: readonly Uint8Array[]): Dissected[] {
  const folder = mkdtempSync(join(tmpdir(), 'fanwire-tshark-'))
  try {
    const file = join(folder, 'packets.pcap')
    writeFileSync(file, writePcap(packets.map((bytes) => ({ bytes, port: PORT }))))
    const fields = [...FIELDS, ...COMPLAINTS].flatMap((name) => ['-e', name])
    const { error, status, stdout, stderr } = spawnSync(
      'tshark',
      ['-r', file, '-d', `udp.port==${PORT},moldudp64`, '-T', 'fields', '-E', 'aggregator=,', ...fields],
      { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
    )
    if (error !== undefined) throw error
    if (status !== 0) throw new Error(`tshark ended with ${status}: ${stderr}`)
    return stdout.split('\n').slice(0, -1).map(dissected)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function dissected(line: string): Dissected {
  const [session = '', sequence = '', count = '', numbers, messages, ...flags] = line.split('\t')
  return {
    session,
    sequence,
    count,
    numbers: list(numbers),
    // How tshark prints a message of no bytes.
    messages: list(messages).map((message) => (message === '<MISSING>' ? '' : message)),
    complaints: COMPLAINTS.filter((_, i) => flags[i] !== ''),
  }
}

function list(column: string | undefined): string[] {
  return column ? column.split(',') : []
}
