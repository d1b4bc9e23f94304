package server

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// Origins are the origins whose pages may call the API. Each has the value of
// the header that allows it.
type Origins map[string][]string

// ParseOrigins reads origins as browsers write them: https://host, or with a
// port that is not the usual one of the scheme.
func ParseOrigins(texts []string) (Origins, error) {
	origins := make(Origins)
	for _, text := range texts {
		text = strings.TrimSpace(text)
		switch text {
		case "*":
			return nil, fmt.Errorf("%q would be the pages of everybody; name each origin, as https://app.example", text)
		case "null":
			return nil, fmt.Errorf("%q is the origin of files and of sandboxed frames of everybody; serve the page from an origin of its own", text)
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
			return nil, fmt.Errorf("%q is no origin; one is like https://app.example or http://localhost:3000", text)
		case text != u.Scheme+"://"+u.Host:
			return nil, fmt.Errorf("%q has more than an origin; write %s://%s", text, u.Scheme, u.Host)
		case u.Hostname() == "" || strings.Contains(u.Host, "*"):
			return nil, fmt.Errorf("%q is no origin: its host must be named in full", text)
		}
		if browsers := serialised(u); text != browsers {
			return nil, fmt.Errorf("%q is not as browsers write it; write %s", text, browsers)
		}
		origins[text] = []string{text}
	}
	return origins, nil
}

// serialised returns the origin of a URL as browsers send it.
func serialised(u *url.URL) string {
	host := strings.ToLower(u.Host)
	usual := map[string]string{"http": ":80", "https": ":443"}
	return u.Scheme + "://" + strings.TrimSuffix(strings.TrimSuffix(host, usual[u.Scheme]), ":")
}

// What pages of named origins may send and read. Credentials are headers that
// the page sets itself, so nothing is said of those that the browser keeps.
var (
	corsMethods = []string{strings.Join([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
	}, ", ")}
	corsRequestHeaders = []string{strings.Join([]string{
		"Accept", "Authorization", "Content-Type", "If-Match", "If-None-Match", "Last-Event-ID",
		"Traceparent", "X-Request-Id", olrest.TokenHeader,
	}, ", ")}
	corsResponseHeaders = []string{strings.Join([]string{
		"Content-Length", "ETag", "Link", "Location", "Retry-After", "Traceparent", "WWW-Authenticate", "X-Request-Id",
		olrest.ExpiresHeader, olrest.OperationHeader,
	}, ", ")}
	corsMaxAge  = []string{"600"} // seconds for which a browser remembers a preflight
	crossOrigin = []string{"cross-origin"}
	varyOrigin  = []string{"Origin"}
)

const resourcePolicy = "Cross-Origin-Resource-Policy"

// Why a request of a browser is refused, as the metrics say.
const (
	refusedOrigin = "origin"
	refusedMedia  = "media"
	refusedHost   = "host"
)

// browserRules decide what a browser may do for the page that it shows.
// Requests of other clients have none of the headers that they look at.
type browserRules struct {
	origins    Origins
	loopback   bool // the host must be one of loopback
	protection *http.CrossOriginProtection
}

func newBrowserRules(origins Origins, loopback bool) *browserRules {
	rules := &browserRules{origins: origins, loopback: loopback, protection: http.NewCrossOriginProtection()}
	for origin := range origins {
		if err := rules.protection.AddTrustedOrigin(origin); err != nil {
			panic(err) // ParseOrigins takes no such origin
		}
	}
	return rules
}

// check sets the headers for the page that a request comes from. It returns
// why the request is refused, in a word for the metrics and as an error, or
// ("", nil).
func (b *browserRules) check(header http.Header, r *http.Request) (word string, err error) {
	if len(b.origins) > 0 {
		header["Vary"] = varyOrigin
	}
	if b.loopback && !isLoopbackHost(r.Host) {
		return refusedHost, platen.Errorf(platen.Forbidden,
			"a sandbox, and a server with --no-auth, answers only requests to localhost, 127.0.0.1 or [::1], and this one is to %q; any other server answers any name", shorten(r.Host))
	}
	if !fromBrowser(r.Header) {
		return "", nil
	}
	origin := r.Header["Origin"]
	if len(origin) == 1 && b.origins[origin[0]] != nil {
		header["Access-Control-Allow-Origin"] = b.origins[origin[0]]
		header["Access-Control-Expose-Headers"] = corsResponseHeaders
		header[resourcePolicy] = crossOrigin
	}
	if b.protection.Check(r) != nil {
		from := "a page of another origin"
		advice := "start that with --cors-origin and the origin"
		if len(origin) > 0 {
			from = fmt.Sprintf("a page of the origin %q", shorten(origin[0]))
			advice = "start that with --cors-origin " + shorten(origin[0])
			if _, err := ParseOrigins(origin[:1]); err != nil {
				advice = "serve it from an origin of its own, such as https://app.example, and start that with --cors-origin and this one"
			}
		}
		return refusedOrigin, platen.Errorf(platen.Forbidden,
			"%s may only read here, and only what browsers allow it to; if it is meant to call this server, %s", from, advice)
	}
	if r.ContentLength != 0 && r.Header.Get("Content-Type") == "" {
		return refusedMedia, platen.Errorf(platen.UnsupportedMedia, "a browser must send the Content-Type of the body: application/json")
	}
	return "", nil
}

// fromBrowser reports whether a request has headers that browsers set and
// pages can not. The names are in canonical form. Sec-Fetch-Mode is none of
// them: programs on Node.js send it, too.
func fromBrowser(header http.Header) bool {
	return len(header["Origin"]) > 0 || len(header["Sec-Fetch-Site"]) > 0
}

// isPreflight reports whether a browser asks what a page of a named origin may
// do.
func (b *browserRules) isPreflight(r *http.Request) bool {
	origin := r.Header["Origin"]
	return r.Method == http.MethodOptions && len(origin) == 1 && b.origins[origin[0]] != nil &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// answerBrowser answers preflights, which never have credentials, and reports
// whether it has. The error is for what a page may not do.
func (s *Server) answerBrowser(w *response, r *http.Request) (answered bool, err error) {
	word, err := s.browsers.check(w.Header(), r)
	if err != nil {
		s.Telemetry.BrowserRefused(word)
		w.call.Refused = "browser: " + word
		return false, err
	}
	if !s.browsers.isPreflight(r) {
		return false, nil
	}
	header := w.Header()
	header["Access-Control-Allow-Methods"] = corsMethods
	header["Access-Control-Allow-Headers"] = corsRequestHeaders
	header["Access-Control-Max-Age"] = corsMaxAge
	w.WriteHeader(http.StatusNoContent)
	return true, nil
}

// isLoopbackHost reports whether the host of a request, with or without a
// port, is one that only this machine itself can be meant by.
func isLoopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap().IsLoopback()
	}
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	return labels[len(labels)-1] == "localhost" && !slices.Contains(labels, "")
}

// shorten keeps a message short, whatever was sent.
func shorten(text string) string {
	const most = 100
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
