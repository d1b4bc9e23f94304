package listen

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of the proxies that are trusted to name the client
// that a request comes from. Nil trusts nobody.
type Proxies []netip.Prefix

// ParseProxies reads networks (10.0.0.0/8) and addresses (10.0.0.1).
func ParseProxies(texts []string) (Proxies, error) {
	var proxies Proxies
	for _, text := range texts {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, notAddress := netip.ParseAddr(text)
			if notAddress != nil || addr.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
			}
			addr = addr.Unmap()
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		switch {
		case prefix.Bits() == 0:
			return nil, fmt.Errorf("%s is every address: any client could then say that it is another", text)
		case prefix.Addr().Is4In6():
			return nil, fmt.Errorf("%s: write the IPv4 network as such", text)
		}
		proxies = append(proxies, prefix.Masked())
	}
	return proxies, nil
}

// Contains reports whether the address is that of a trusted proxy.
func (p Proxies) Contains(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Client returns the address of the client whose request came from peer. If
// peer is a trusted proxy, that is the last address in X-Forwarded-For or
// Forwarded that is not one of a trusted proxy. It is peer if these headers
// are missing, malformed, or do not agree: then nobody knows which of them the
// proxy wrote and which the client.
func (p Proxies) Client(peer netip.Addr, header http.Header) netip.Addr {
	if len(p) == 0 || !p.Contains(peer) {
		return peer
	}
	list, forwarded := header["X-Forwarded-For"], header["Forwarded"]
	switch {
	case len(list) == 0 && len(forwarded) == 0:
		return peer
	case len(forwarded) == 0:
		return p.last(peer, hopsOf(list))
	case len(list) == 0:
		return p.last(peer, forwardedHops(forwarded))
	}
	client := p.last(peer, hopsOf(list))
	if client != p.last(peer, forwardedHops(forwarded)) {
		return peer
	}
	return client
}

// last returns the last of the hops that is no trusted proxy, the first one if
// all are, and peer if one that has to be looked at is no address.
func (p Proxies) last(peer netip.Addr, hops []string) netip.Addr {
	client := peer
	for i := len(hops) - 1; i >= 0; i-- {
		addr, ok := parseHop(hops[i])
		if !ok {
			return peer
		}
		client = addr
		if !p.Contains(addr) {
			break
		}
	}
	return client
}

// parseHop reads an address, with or without a port.
func parseHop(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
			addr, err = netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		} else {
			var port netip.AddrPort
			port, err = netip.ParseAddrPort(text)
			addr = port.Addr()
		}
	}
	return addr.Unmap().WithZone(""), err == nil
}

// hopsOf returns the addresses of the lines of X-Forwarded-For.
func hopsOf(lines []string) []string {
	var hops []string
	for _, line := range lines {
		for hop := range strings.SplitSeq(line, ",") {
			hops = append(hops, strings.Trim(hop, " \t"))
		}
	}
	return hops
}

// forwardedHops returns the parameter "for" of each element of the lines of
// Forwarded (RFC 7239), "" where it is missing or given twice.
func forwardedHops(lines []string) []string {
	var hops []string
	for _, line := range lines {
		for element := range splitQuoted(line, ',') {
			hop, found := "", 0
			for pair := range splitQuoted(element, ';') {
				name, value, ok := strings.Cut(pair, "=")
				if ok && strings.EqualFold(strings.Trim(name, " \t"), "for") {
					hop = unquote(strings.Trim(value, " \t"))
					found++
				}
			}
			if found != 1 {
				hop = ""
			}
			hops = append(hops, hop)
		}
	}
	return hops
}

// splitQuoted yields the parts of text between separators that are not in
// quotes.
func splitQuoted(text string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		quoted, from := false, 0
		for i := 0; i < len(text); i++ {
			switch {
			case text[i] == '"':
				quoted = !quoted
			case text[i] == '\\' && quoted:
				i++
			case text[i] == separator && !quoted:
				if !yield(text[from:i]) {
					return
				}
				from = i + 1
			}
		}
		yield(text[from:])
	}
}

// unquote returns what stands in quotes. Addresses need no escapes, so text
// that has some is left as it is, and is then no address.
func unquote(text string) string {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		return text[1 : len(text)-1]
	}
	return text
}
