package storage

import "context"

// Certificates keeps what a server has to remember of the certificates that it
// obtains: account, keys, certificates, and challenges under way. All servers of
// a database share it. The names are the library's.
type Certificates interface {
	// CertificateData returns what was put under a name. NotFound.
	CertificateData(ctx context.Context, name string) ([]byte, error)
	// PutCertificateData keeps data under a name, in the place of what was there.
	PutCertificateData(ctx context.Context, name string, data []byte) error
	// DeleteCertificateData forgets what is under a name, if there is anything.
	DeleteCertificateData(ctx context.Context, name string) error
}
