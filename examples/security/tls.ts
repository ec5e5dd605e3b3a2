import { readFileSync } from 'node:fs'
import { createConsumer, createProducer } from 'fanwire'

/** Both ends have a certificate that the same authority has signed. */
export async function connect(folder: string) {
  const read = (name: string) => readFileSync(`${folder}/${name}`)
  const producer = await createProducer('tls://127.0.0.1:0', {
    key: read('server.key'),
    cert: read('server.pem'),
    ca: read('authority.pem'),
    clientCertificate: 'required',
    authenticate: ({ certificate }) => ({ user: certificate?.commonName }),
  })
  const consumer = await createConsumer(producer.urls, {
    key: read('client.key'),
    cert: read('client.pem'),
    ca: read('authority.pem'),
  })
  return { producer, consumer }
}
