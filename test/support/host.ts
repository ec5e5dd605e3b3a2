/**
 * A loopback address that no other process of the tests listens on, for those who give a port up and want it back. On
 * 127.0.0.1 an outgoing connection of anybody may have been given the port in the meantime: that is where they come from,
 * whatever they dial. Linux alone has all of 127.0.0.0/8.
 */
export const ownHost = process.platform === 'linux' ? hostOf(process.pid) : '127.0.0.1'

/** Linux counts processes up to 2^22. */
function hostOf(pid: number): string {
  return `127.${64 + ((pid >>> 16) & 63)}.${(pid >>> 8) & 255}.${pid & 255}`
}
