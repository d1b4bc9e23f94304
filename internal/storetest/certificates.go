package storetest

import (
	"testing"

	"github.com/platenhq/platen"
)

// testCertificates keeps what belongs to certificates, over a restart.
func testCertificates(t *testing.T, open Open) {
	s := open(t)
	ctx := t.Context()
	_, err := s.CertificateData(ctx, "a.example")
	wantCode(t, "what is not there", err, platen.NotFound, "a.example")
	for _, data := range []string{"first", "\x00second\xff"} {
		if err := s.PutCertificateData(ctx, "a.example", []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutCertificateData(ctx, "b.example", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, open)
	if data, err := s.CertificateData(ctx, "a.example"); err != nil || string(data) != "\x00second\xff" {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := s.CertificateData(ctx, "b.example"); err != nil || len(data) != 0 {
		t.Errorf("%q, %v", data, err)
	}
	for range 2 {
		if err := s.DeleteCertificateData(ctx, "a.example"); err != nil {
			t.Error(err)
		}
	}
	_, err = s.CertificateData(ctx, "a.example")
	wantCode(t, "what was deleted", err, platen.NotFound, "a.example")
}
