import { isIP } from 'node:net'
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

export function isGroup(host: string): boolean {
  const first = Number(host.split('.')[0])
  return isIP(host) === 4 ? first >= 224 && first <= 239 : /^ff[0-9a-f]{2}:/i.test(host)
}

/**
 * @throws {FanwireError} `BAD_ADDRESS` when `host` is no group, `BAD_OPTION` when nothing names an interface
 */
export function checkGroup(host: string, url: string, named: string | undefined): Group {
  if (!isGroup(host)) {
    throw new FanwireError(
      'BAD_ADDRESS',
      `${url} is no multicast group; one is 224.0.0.0 to 239.255.255.255, or ff00::/8 as in [ff15::1]`,
    )
  }
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
