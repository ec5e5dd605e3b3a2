/** One producer's memory, counted in bytes against the one bound that the user gave. */
export class Memory {
  used = 0

  constructor(readonly limit: number) {}

  fits(bytes: number): boolean {
    return this.used + bytes <= this.limit
  }
}
