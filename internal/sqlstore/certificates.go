package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
)

// certificatePrefix begins the names of secrets that belong to certificates.
const certificatePrefix = "acme/"

// CertificateData implements [storage.Certificates].
func (s *Store) CertificateData(ctx context.Context, name string) (data []byte, err error) {
	ctx, done := s.observe(ctx, "certificate_data")
	defer func() { done(err) }()
	err = s.on(selectSecret).QueryRowContext(ctx, certificatePrefix+name).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		err = platen.Errorf(platen.NotFound, "there is no %q of certificates", name)
	}
	return data, s.error("read certificates", err)
}

// PutCertificateData implements [storage.Certificates].
func (s *Store) PutCertificateData(ctx context.Context, name string, data []byte) (err error) {
	_, done := s.observe(ctx, "put_certificate_data")
	defer func() { done(err) }()
	return s.error("keep certificates", s.update(func(t *transaction) error {
		return t.exec(upsertSecret, certificatePrefix+name, append([]byte{}, data...)) // nil would be NULL
	}))
}

// DeleteCertificateData implements [storage.Certificates].
func (s *Store) DeleteCertificateData(ctx context.Context, name string) (err error) {
	_, done := s.observe(ctx, "delete_certificate_data")
	defer func() { done(err) }()
	return s.error("forget certificates", s.update(func(t *transaction) error {
		return t.exec(deleteSecret, certificatePrefix+name)
	}))
}
