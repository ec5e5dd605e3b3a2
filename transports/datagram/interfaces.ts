import { existsSync } from 'node:fs'
import { isIP, SocketAddress } from 'node:net'
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { badOption } from '../../lib/options.js'

export type Family = 4 | 6

/** An interface, as far as one family of addresses is concerned. */
export interface Interface {
  /** `eth0`. */
  readonly name: string
  /** Its own address, which datagrams leave from: the one it was named by, or its first. */
  readonly address: string
  readonly loopback: boolean
  /** What joins, and what the sending side of a socket is told: an IPv4 address, or `::%eth0`. */
  readonly selector: string
  /** Stands behind link-local addresses: `%eth0`. */
  readonly zone: string
}

/**
 * Finds the interface that the option `interface` names, by its name or by one of its addresses of either family.
 *
 * @returns undefined when the machine has such an interface, but without an address at the moment: it is not up
 * @throws {FanwireError} `BAD_OPTION` when there is none, listing those that there are
 */
export function findInterface(named: string, family: Family): Interface | undefined {
  const all = Object.entries(networkInterfaces())
  const wanted = plainAddress(named)
  for (const [name, infos = []] of all) {
    if (name !== named && !infos.some(({ address }) => address === wanted)) continue
    const own = infos.filter((info) => info.family === `IPv${family}`)
    const info = own.find(({ address }) => address === wanted) ?? own[0]
    if (info !== undefined) return describe(name, info)
    throw badOption(`interface ${named} has no IPv${family} address, which the group needs; ${listed(all)}`)
  }
  if (existsDown(named)) return undefined
  throw badOption(`interface must be a name or address of this machine, got '${named}'; ${listed(all)}`)
}

/** For the message about an interface that was not named at all. */
export function listInterfaces(): string {
  return listed(Object.entries(networkInterfaces()))
}

/** An IP address in the one spelling that the system has for it, without a zone; undefined for any other text. */
export function plainAddress(text: string): string | undefined {
  const family = isIP(text)
  if (family === 0) return undefined
  return new SocketAddress({ address: text.replace(/%.*$/, ''), family: `ipv${family as Family}` }).address
}

function describe(name: string, info: NetworkInterfaceInfo): Interface {
  const scope = process.platform === 'win32' && info.family === 'IPv6' ? String(info.scopeid) : name
  const zone = `%${scope}`
  const isLinkLocal = info.family === 'IPv6' && /^fe[89ab]/i.test(info.address)
  return {
    name,
    address: isLinkLocal ? info.address + zone : info.address,
    loopback: info.internal,
    selector: info.family === 'IPv4' ? info.address : `::${zone}`,
    zone,
  }
}

/** Interfaces that are not up have no place in Node's list; Linux knows them nevertheless. */
function existsDown(named: string): boolean {
  const isName = /^[\w.:@-]+$/.test(named) && isIP(named) === 0 && !/^\.+$/.test(named)
  return isName && process.platform === 'linux' && existsSync(`/sys/class/net/${named}`)
}

function listed(all: readonly (readonly [name: string, infos: NetworkInterfaceInfo[] | undefined])[]): string {
  const shown = all.map(([name, infos = []]) => `${name} (${infos.map(({ address }) => address).join(', ')})`)
  return shown.length === 0 ? 'no interface is up' : `there are ${shown.join(', ')}`
}
