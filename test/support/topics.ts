/** The name of topic `number`: `t.0000042`, of one length, so that none is a prefix of another. */
export function topicOf(number: number): string {
  return `t.${String(number).padStart(7, '0')}`
}
