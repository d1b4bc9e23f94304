package listen

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func parsed(t testing.TB, texts ...string) Proxies {
	t.Helper()
	proxies, err := ParseProxies(texts)
	if err != nil {
		t.Fatal(err)
	}
	return proxies
}

func TestParseProxies(t *testing.T) {
	proxies := parsed(t, "10.0.0.0/8", "192.0.2.7", " 2001:db8::/32 ", "::1", "::ffff:203.0.113.1")
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "192.0.2.7": true, "192.0.2.8": false, "2001:db8::5": true,
		"2001:db9::5": false, "::1": true, "127.0.0.1": false, "203.0.113.1": true,
	} {
		if got := proxies.Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if proxies.Contains(netip.Addr{}) || Proxies(nil).Contains(netip.MustParseAddr("::1")) {
		t.Error("no address is trusted, or nobody trusts one")
	}
	for _, text := range []string{"", "x", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10.0.0", "proxy.example", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.1:80"} {
		if _, err := ParseProxies([]string{text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestClient checks whose word counts about a client.
func TestClient(t *testing.T) {
	proxies := parsed(t, "10.0.0.0/8", "2001:db8::/32")
	const proxy = "10.0.0.1"
	for _, test := range []struct {
		name, peer, list, forwarded, want string
	}{
		{"no proxy", "192.0.2.9", "198.51.100.1", "for=198.51.100.1", "192.0.2.9"},
		{"no headers", proxy, "", "", proxy},
		{"one client", proxy, "198.51.100.1", "", "198.51.100.1"},
		{"what the client made up is to the left", proxy, "203.0.113.5, 198.51.100.1", "", "198.51.100.1"},
		{"two proxies", proxy, "203.0.113.5, 198.51.100.1, 10.0.0.2", "", "198.51.100.1"},
		{"two lines", proxy, "203.0.113.5\n198.51.100.1,10.0.0.2", "", "198.51.100.1"},
		{"only proxies", proxy, "10.0.0.3, 10.0.0.2", "", "10.0.0.3"},
		{"a port", proxy, "198.51.100.1:4711", "", "198.51.100.1"},
		{"version 6", proxy, "2001:db9::1", "", "2001:db9::1"},
		{"version 6 with a port", proxy, "[2001:db9::1]:80", "", "2001:db9::1"},
		{"version 6 in brackets", proxy, "[2001:db9::1]", "", "2001:db9::1"},
		{"version 4 in 6", proxy, "::ffff:198.51.100.1", "", "198.51.100.1"},
		{"malformed", proxy, "198.51.100.1, garbage", "", proxy},
		{"empty", proxy, "198.51.100.1,", "", proxy},
		{"malformed to the left", proxy, "garbage, 198.51.100.1", "", "198.51.100.1"},
		{"unknown", proxy, "unknown", "", proxy},
		{"forwarded", proxy, "", "for=198.51.100.1;proto=https;by=10.0.0.1", "198.51.100.1"},
		{"forwarded, in quotes", proxy, "", `For="[2001:db9::1]:4711"`, "2001:db9::1"},
		{"forwarded, two", proxy, "", `for=203.0.113.5, for="198.51.100.1:80" ;by=x, for=10.0.0.2`, "198.51.100.1"},
		{"forwarded, a comma in quotes", proxy, "", `for=203.0.113.5;host="a,for=192.0.2.1;b"`, "203.0.113.5"},
		{"forwarded, hidden", proxy, "", "for=198.51.100.1, for=_hidden", proxy},
		{"forwarded, without for", proxy, "", "for=198.51.100.1, proto=https", proxy},
		{"forwarded, for twice", proxy, "", "for=198.51.100.1;for=203.0.113.5", proxy},
		{"both agree", proxy, "198.51.100.1", "for=198.51.100.1", "198.51.100.1"},
		{"both do not agree", proxy, "198.51.100.1", "for=203.0.113.5", proxy},
	} {
		header := make(http.Header)
		for line := range strings.SplitSeq(test.list, "\n") {
			if line != "" {
				header.Add("X-Forwarded-For", line)
			}
		}
		if test.forwarded != "" {
			header.Set("Forwarded", test.forwarded)
		}
		if got := proxies.Client(netip.MustParseAddr(test.peer), header); got.String() != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// FuzzClient checks that a client can not be named but by what the proxy put
// behind it, whatever the client sends itself.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{"", "198.51.100.1", "garbage", `"`, `for="`, `for=1.2.3.4,`, ",,", "10.0.0.1", "\\"} {
		f.Add(seed)
	}
	proxies := parsed(f, "10.0.0.0/8")
	peer, client := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("198.51.100.1")
	f.Fuzz(func(t *testing.T, sent string) {
		header := http.Header{"X-Forwarded-For": {sent + ", " + client.String()}}
		if got := proxies.Client(peer, header); got != client {
			t.Errorf("%q: %s", sent, got)
		}
		header = http.Header{"X-Forwarded-For": {sent, client.String()}}
		if got := proxies.Client(peer, header); got != client {
			t.Errorf("%q: %s", sent, got)
		}
		// A proxy appends to Forwarded as a line of its own.
		header = http.Header{"Forwarded": {sent, "for=" + client.String()}}
		if got := proxies.Client(peer, header); got != client {
			t.Errorf("%q: %s", sent, got)
		}
		proxies.Client(peer, http.Header{"Forwarded": {sent}})
	})
}
