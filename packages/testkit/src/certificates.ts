/** Certificates for tests of transports that use TLS, and harnesses with them. */
export { testAuthority } from './authority.ts'
export type { CertificateSubject, TestAuthority, TestCertificate } from './authority.ts'
export { certifiedHarness } from './transport/certified.ts'
export type { CertifiedTransport, TestCredentials } from './transport/certified.ts'
