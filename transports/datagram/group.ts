import { isIP } from 'node:net'
import { type Address, formatHostPort } from '../../lib/address.js'
import { FanwireError } from '../../lib/errors.js'
import { badOption } from '../../lib/options.js'
import { type Family, listInterfaces } from './interfaces.js'

export interface Group {
  /** Without a zone. */
  readonly group: string
  readonly family: Family
  /** The interface that is meant: the option, or the zone of an IPv6 group. */
  readonly named: string
}

/**
 * Whether the address is that of a group; its scheme says so.
 *
 * @throws {FanwireError} `BAD_ADDRESS` when its host is of the other kind
 */
export function isMulticast({ scheme, host, port, url }: Address): boolean {
  const asked = scheme.endsWith('multicast')
  if (asked === isGroup(host as string)) return asked
  const shown = (kind: string, named: string) =>
    `${scheme.replace(/(multicast|udp)$/, kind)}://${formatHostPort(named, port as number)}`
  throw new FanwireError(
    'BAD_ADDRESS',
    asked
      ? `${url} has no multicast group, 224.0.0.0 to 239.255.255.255 or ff00::/8; write ${shown('multicast', '239.1.2.3')}, or ${shown('udp', host as string)} for this host alone`
      : `${url} has a multicast group where a host belongs; write ${shown('multicast', host as string)}`,
  )
}

/** @throws {FanwireError} `BAD_OPTION` when nothing names an interface */
export function checkGroup(host: string, url: string, named: string | undefined): Group {
  const [group = host, zone] = host.split('%')
  const chosen = named ?? zone
  if (chosen === undefined) {
    throw badOption(`interface must be given for ${url}, by name or address; ${listInterfaces()}`)
  }
  return { group, family: host.includes(':') ? 6 : 4, named: chosen }
}

/** Groups that end at the interface or the link need their zone when they are bound or connected to. */
export function zoned(group: string, zone: string): string {
  return /^ff[0-9a-f][12]:/i.test(group) ? group + zone : group
}

function isGroup(host: string): boolean {
  const first = Number(host.split('.')[0])
  return isIP(host) === 4 ? first >= 224 && first <= 239 : /^ff[0-9a-f]{2}:/i.test(host)
}
