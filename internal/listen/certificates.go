package listen

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// protocols are the versions of HTTP by their names in a TLS handshake, which ends if a
// client names others only.
var protocols = []string{"h2", "http/1.1", "http/1.0"}

// warnBefore is how long before its end a certificate is warned of.
const warnBefore = 14 * 24 * time.Hour

// Files are the PEM files of a server that speaks TLS.
type Files struct {
	Cert     string // the certificate, with its intermediates behind it
	Key      string // its private key
	ClientCA string // who signs the certificates that clients must show; "": they need none
}

// A Source has the certificates of a server, which may become others at any time.
type Source interface {
	// Config returns the settings of TLS connections.
	Config() *tls.Config
	// Expiry returns the end of the certificate that ends first; zero if there
	// is none.
	Expiry() time.Time
}

// Certificates are what a server shows of itself and asks of its clients. They
// are read anew when their files change.
type Certificates struct {
	files Files
	log   *slog.Logger

	current atomic.Pointer[credentials]

	mu     sync.Mutex
	seen   [sha256.Size]byte // what the files held at the last look, good or not
	warned time.Time
}

type credentials struct {
	config *tls.Config
	leaf   *x509.Certificate
}

// LoadCertificates reads the files. The error says which is wrong, and how.
func LoadCertificates(files Files, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{files: files, log: log}
	contents, err := c.read()
	if err != nil {
		return nil, err
	}
	loaded, err := c.parse(contents)
	if err != nil {
		return nil, err
	}
	c.use(contents, loaded)
	return c, nil
}

// Config returns the settings of TLS connections. Each handshake goes by the
// files that were read last.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load().config, nil },
	}
}

// Expiry returns the end of the certificate in use.
func (c *Certificates) Expiry() time.Time { return c.current.Load().leaf.NotAfter }

// Reload reads the files, and uses them if they have changed and are good. If
// they are not, what was good goes on being used; the log says so once.
func (c *Certificates) Reload() {
	c.mu.Lock()
	defer c.mu.Unlock()
	contents, err := c.read()
	if sum := digest(contents, err); sum == c.seen {
		c.warn()
		return
	} else {
		c.seen = sum
	}
	var loaded *credentials
	if err == nil {
		loaded, err = c.parse(contents)
	}
	if err != nil {
		c.log.Error("the changed TLS files are not used; the previous certificate still is", "error", err, "expires", c.Expiry())
		return
	}
	c.use(contents, loaded)
}

// use makes what was loaded what new connections go by.
func (c *Certificates) use(contents [3][]byte, loaded *credentials) {
	c.current.Store(loaded)
	c.seen = digest(contents, nil)
	c.log.Info("TLS certificate loaded", "subject", loaded.leaf.Subject.String(), "names", loaded.leaf.DNSNames, "expires", loaded.leaf.NotAfter)
	if info, err := os.Stat(c.files.Key); err == nil && info.Mode().Perm()&0o006 != 0 && runtime.GOOS != "windows" {
		c.log.Warn("every user of this machine can open the TLS key; chmod o= takes that away", "file", c.files.Key, "mode", info.Mode().Perm().String())
	}
	c.warned = time.Time{}
	c.warn()
}

// warn says once a day that the certificate is at its end, or near it.
func (c *Certificates) warn() {
	now, end := time.Now(), c.Expiry()
	if end.Sub(now) > warnBefore || now.Sub(c.warned) < 24*time.Hour {
		return
	}
	c.warned = now
	message := "the TLS certificate expires soon"
	if now.After(end) {
		message = "the TLS certificate has expired"
	}
	c.log.Warn(message+"; put a new one in its place, it is read without a restart", "file", c.files.Cert, "expires", end)
}

// read returns what certificate, key and authorities hold; the last is nil if
// clients need no certificate.
func (c *Certificates) read() (contents [3][]byte, err error) {
	for i, name := range []string{c.files.Cert, c.files.Key, c.files.ClientCA} {
		if name == "" {
			continue
		}
		if contents[i], err = os.ReadFile(name); err != nil {
			return contents, err
		}
	}
	return contents, nil
}

// digest tells contents apart, and what went wrong in reading them.
func digest(contents [3][]byte, err error) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %v", contents, err))
}

func (c *Certificates) parse(contents [3][]byte) (*credentials, error) {
	if isEncrypted(contents[1]) {
		return nil, fmt.Errorf("the key in %s is encrypted with a passphrase, which a server has nobody to ask for: write it without one (openssl pkey -in %[1]s -out NEW), readable for platen's user alone", c.files.Key)
	}
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, fmt.Errorf("the certificate in %s and the key in %s: %w", c.files.Cert, c.files.Key, err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   protocols,
		Certificates: []tls.Certificate{pair},
	}
	if c.files.ClientCA != "" {
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(contents[2]) {
			return nil, fmt.Errorf("the authorities for clients in %s: %w", c.files.ClientCA, errors.New("no certificate in PEM"))
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.SessionTicketsDisabled = true // so that each connection is held to the authorities of now
	}
	return &credentials{config, pair.Leaf}, nil
}

// isEncrypted reports whether the key in a PEM file is one that wants a passphrase.
func isEncrypted(key []byte) bool {
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}
