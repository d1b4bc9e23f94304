package server

import "net/http"

// securityHeaders are on every answer: what OWASP asks of an API, whose
// answers are no pages, are nobody's to keep, and are shown in no frame. The
// keys are in canonical form and the values shared, so that a request only
// pays for putting them in. With those of the answer itself they are eight,
// which a map holds without growing. A handler that needs another value sets
// it; pages set Referrer-Policy, too.
var securityHeaders = []struct {
	key   string
	value []string
}{
	{"Cache-Control", []string{"no-store"}},
	{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
	{resourcePolicy, []string{"same-origin"}},
	{"X-Content-Type-Options", []string{"nosniff"}},
	{"X-Frame-Options", []string{"DENY"}},
}

// transportSecurity is on every answer by TLS: browsers then come by TLS only.
// Other hosts of the domain are not ours to decide on.
var transportSecurity = []string{"max-age=31536000"}

// secure sets the headers that every answer has.
func secure(header http.Header, byTLS bool) {
	for i := range securityHeaders {
		header[securityHeaders[i].key] = securityHeaders[i].value
	}
	if byTLS {
		header["Strict-Transport-Security"] = transportSecurity
	}
}
