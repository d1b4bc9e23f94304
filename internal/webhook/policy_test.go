package webhook

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/platenhq/platen"
)

// TestAddresses checks which addresses are dialled, without and with --webhook-allow.
func TestAddresses(t *testing.T) {
	allowed, err := ParsePolicy([]string{"10.1.0.0/16", "127.0.0.1", "fd00::/8", "64:ff9b::/96"})
	if err != nil {
		t.Fatal(err)
	}
	const (
		never = iota
		whenAllowed
		always
	)
	for text, want := range map[string]int{
		"93.184.216.34": always, "8.8.8.8": always, "2606:4700::1111": always, "172.15.0.1": always, "172.32.0.1": always, "::ffff:8.8.8.8": always,
		"127.0.0.1": whenAllowed, "10.1.2.3": whenAllowed, "::ffff:10.1.2.3": whenAllowed, "fd12::1": whenAllowed, "64:ff9b::a01:203": whenAllowed,
		"10.2.0.1": never, "127.0.0.2": never, "0.0.0.0": never, "0.1.2.3": never, "100.64.0.1": never, "169.254.169.254": never, "172.16.0.1": never,
		"172.31.255.255": never, "192.0.0.8": never, "192.0.2.1": never, "192.168.1.1": never, "198.18.0.1": never, "198.51.100.1": never,
		"203.0.113.1": never, "224.0.0.1": never, "239.1.1.1": never, "240.0.0.1": never, "255.255.255.255": never,
		"::": never, "::1": never, "::ffff:127.0.0.2": never, "::ffff:169.254.169.254": never, "::7f00:1": never, "fe80::1": never, "fe80::1%eth0": never,
		"fec0::1": never, "fc00::1": never, "ff02::1": never, "2001:db8::1": never, "2001::1": never, "2002:7f00:1::": never, "3fff::1": never,
		"64:ff9b:1::1": never, "100::1": never, "5f00::1": never,
	} {
		addr := netip.MustParseAddr(text)
		for _, try := range []struct {
			name   string
			policy Policy
			least  int
		}{{"by default", Policy{}, always}, {"with networks that are allowed", allowed, whenAllowed}} {
			if err := try.policy.checkAddr(addr, false); (err == nil) != (want >= try.least) {
				t.Errorf("%s %s: %v", text, try.name, err)
			}
		}
		if err := allowed.checkAddr(addr, true); (err == nil) != (want == whenAllowed) {
			t.Errorf("%s by http: %v", text, err)
		}
	}
}

// TestURLs checks which URLs a webhook may have.
func TestURLs(t *testing.T) {
	local, err := ParsePolicy([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		url           string
		strict, loose bool
		message       string
	}{
		{"https://example.com/hook?a=b", true, true, ""},
		{"https://example.com:8443", true, true, ""},
		{"https://93.184.216.34/", true, true, ""},
		{"https://[2606:4700::1111]/", true, true, ""},
		{"http://example.com/", false, true, "use https"},
		{"http://127.0.0.1:8080/", false, true, "--webhook-allow"},
		{"https://127.0.0.1/", false, true, "--webhook-allow"},
		{"https://LOCALHOST/", false, true, "127.0.0.1"},
		{"https://a.localhost./", false, true, "127.0.0.1"},
		{"http://169.254.169.254/latest/meta-data", false, false, "169.254.169.254"},
		{"https://169.254.169.254/", false, false, "169.254.169.254"},
		{"https://[::ffff:10.0.0.1]/", false, false, "10.0.0.1"},
		{"https://[fe80::1%25eth0]/", false, false, "fe80::1"},
		{"http://8.8.8.8/", false, false, "use https"},
		{"https://u:p@example.com/", false, false, "user or password"},
		{"https://example.com/#x", false, false, "fragment"},
		{"https:///x", false, false, "no host"},
		{"ftp://example.com/", false, false, "https://"},
		{"file:///etc/passwd", false, false, "https://"},
		{"example.com", false, false, "https://"},
		{"", false, false, "https://"},
		{"https://exa mple.com/", false, false, "URL"},
		{"https://example.com/a b", false, false, "spaces"},
		{"https://example.com/\n", false, false, "URL"},
		{"https://example.com/" + strings.Repeat("x", platen.MaxWebhookURL), false, false, "longer"},
	} {
		for policy, want := range map[*Policy]bool{{}: test.strict, &local: test.loose} {
			err := policy.Check(test.url)
			if (err == nil) != want || err != nil && platen.ErrorCode(err) != platen.Invalid {
				t.Errorf("%.60q with %v allowed: %v, want it to be taken: %v", test.url, policy.Allow, err, want)
			}
			if err != nil && policy.Allow == nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("%.60q: %v, want a word of %q", test.url, err, test.message)
			}
		}
	}
}

func TestParsePolicy(t *testing.T) {
	for _, text := range []string{"", "example.com", "10.0.0.0/33", "::ffff:10.0.0.0/104", "fe80::1%eth0"} {
		if _, err := ParsePolicy([]string{text}); platen.ErrorCode(err) != platen.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}
