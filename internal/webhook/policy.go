package webhook

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/platenhq/platen"
)

// A Policy says which addresses webhooks may be sent to: all public ones, by
// https alone, and those that an operator allows, also by http.
type Policy struct{ Allow []netip.Prefix }

// ParsePolicy reads addresses and networks, such as 10.1.2.3 or 10.0.0.0/8.
func ParsePolicy(allow []string) (Policy, error) {
	var p Policy
	for _, text := range allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, single := netip.ParseAddr(text)
			if single != nil || addr.Zone() != "" {
				return p, platen.Errorf(platen.Invalid, "%q is no address (10.1.2.3) and no network (10.0.0.0/8)", text)
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		if prefix.Addr().Is4In6() {
			return p, platen.Errorf(platen.Invalid, "%q: write it as an IPv4 address or network", text)
		}
		p.Allow = append(p.Allow, prefix.Masked())
	}
	return p, nil
}

// special4 are the IPv4 networks that are not public, from the registry of
// special-purpose addresses (RFC 6890 and those that update it), and multicast.
var special4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)

// public6 is the only part of IPv6 that is public; special6 are those networks
// in it that are not, or that stand for IPv4 addresses (Teredo, 6to4).
var (
	public6  = netip.MustParsePrefix("2000::/3")
	special6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func among(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// public reports whether an address is one of the internet.
func public(addr netip.Addr) bool {
	if addr.Is4() {
		return !among(special4, addr)
	}
	return addr.Zone() == "" && public6.Contains(addr) && !among(special6, addr)
}

// checkAddr refuses an address. plain: without TLS.
func (p Policy) checkAddr(addr netip.Addr, plain bool) error {
	addr = addr.Unmap()
	switch {
	case among(p.Allow, addr.WithZone("")):
		return nil
	case !public(addr):
		return platen.Errorf(platen.Invalid, "the address %s is not one of the public internet; an operator can allow it with --webhook-allow", addr)
	case plain:
		return platen.Errorf(platen.Invalid, "http is only for addresses that --webhook-allow names, and %s is none; use https", addr)
	}
	return nil
}

// control returns the check of an address that is about to be dialled, after
// its name was looked up, for [net.Dialer].
func (p Policy) control(plain bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return platen.Errorf(platen.Invalid, "the address %q is refused", address)
		}
		return p.checkAddr(to.Addr(), plain)
	}
}

// Check refuses a URL that can be no target, as far as that can be told without
// looking its name up. The error is [platen.Invalid].
func (p Policy) Check(text string) error {
	refuse := func(format string, args ...any) error { return platen.Errorf(platen.Invalid, "url: "+format, args...) }
	if len(text) > platen.MaxWebhookURL {
		return refuse("it is longer than %d bytes", platen.MaxWebhookURL)
	}
	target, err := url.Parse(text)
	if err != nil {
		return refuse("%.200q is not a URL such as https://example.com/hook", text)
	}
	plain := target.Scheme == "http"
	host := strings.ToLower(strings.TrimSuffix(target.Hostname(), "."))
	switch {
	case !plain && target.Scheme != "https":
		return refuse("it must begin with https://")
	case host == "":
		return refuse("it names no host")
	case target.User != nil:
		return refuse("it must not have a user or password in it; the signature says who sends")
	case target.Fragment != "" || strings.Contains(text, "#"):
		return refuse("it must not have a fragment (#…)")
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return refuse("it has spaces or control characters in it")
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		if host == "localhost" || strings.HasSuffix(host, ".localhost") {
			return p.checkLocalhost(plain)
		}
		if plain && len(p.Allow) == 0 {
			return refuse("http is only for addresses that an operator allows with --webhook-allow; use https")
		}
		return nil // its addresses are checked when they are dialled
	}
	if err := p.checkAddr(addr, plain); err != nil {
		return refuse("%s", err)
	}
	return nil
}

// checkLocalhost refuses the name unless one of its addresses is allowed.
func (p Policy) checkLocalhost(plain bool) error {
	err := p.checkAddr(netip.AddrFrom4([4]byte{127, 0, 0, 1}), plain)
	if err != nil && p.checkAddr(netip.IPv6Loopback(), plain) == nil {
		return nil
	}
	return err
}

// Host returns what the log may say of a URL: its path and query may be secret.
func Host(text string) string {
	target, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return target.Host
}
