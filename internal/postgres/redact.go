package postgres

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/platenhq/platen"
)

// hidden is what stands in place of a password.
const hidden = "xxxxx"

// escapes says how to write what ends a password in an address.
const escapes = "in a password or a name, @ must be written as %40, : as %3A, / as %2F, ? as %3F, # as %23, & as %26, % as %25"

// keyword finds passwords in an address of the form "host=… password=…".
var keyword = regexp.MustCompile(`(?is)(password\s*=\s*)('(?:[^'\\]|\\.)*'?|(?:[^\s\\]|\\.)*)`)

// queryName is what is the name of a setting, and no part of a password.
var queryName = regexp.MustCompile(`^[A-Za-z0-9_.%]+$`)

// Redact returns an address without its passwords. Of one that can be read in
// more than one way hardly anything is left, since any part of it may be part
// of a password.
func Redact(address string) string {
	shown, _ := split(address)
	return shown
}

// split returns an address without its passwords, and what was taken out.
func split(address string) (shown string, secrets []string) {
	scheme, rest, isURL := strings.Cut(address, "://")
	if !isURL {
		for _, found := range keyword.FindAllStringSubmatch(address, -1) {
			secrets = append(secrets, found[2])
		}
		return keyword.ReplaceAllString(address, "${1}"+hidden), secrets
	}
	authority, path, query := parts(rest)
	if !isClear(rest) || strings.Contains(query, "@") {
		return scheme + "://" + hidden, []string{rest}
	}
	if user, host, ok := strings.Cut(authority, "@"); ok {
		if name, password, ok := strings.Cut(user, ":"); ok {
			secrets = append(secrets, password)
			authority = name + ":" + hidden + "@" + host
		}
	}
	shown = scheme + "://" + authority + path
	if query == "" {
		return shown, secrets
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err != nil || strings.Contains(strings.ToLower(plain), "password") {
			secrets = append(secrets, value)
			pairs[i] = name + "=" + hidden
		}
	}
	return shown + "?" + strings.Join(pairs, "&"), secrets
}

// parts cuts what follows the scheme of an address.
func parts(rest string) (authority, path, query string) {
	rest, query, _ = strings.Cut(rest, "?")
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		return rest[:slash], rest[slash:], query
	}
	return rest, "", query
}

// isClear reports whether what follows the scheme of an address can be read in
// one way only: each sign that ends a part of it is there at most once.
func isClear(rest string) bool {
	authority, path, query := parts(rest)
	if strings.Contains(rest, "#") || strings.Count(authority, "@") > 1 || strings.Contains(path, "@") || strings.Contains(query, "?") {
		return false
	}
	if query == "" {
		return true
	}
	for pair := range strings.SplitSeq(query, "&") {
		if name, _, named := strings.Cut(pair, "="); !named || !queryName.MatchString(name) {
			return false
		}
	}
	return true
}

// checkAddress refuses an address whose password would be taken for a host, a
// port or a name, and shown as such.
func checkAddress(address string) error {
	if _, rest, isURL := strings.Cut(address, "://"); isURL && !isClear(rest) {
		return platen.Errorf(platen.Invalid, "the database's address can not be understood: %s; it is like postgres://user@host:5432/database", escapes)
	}
	return nil
}

// unclear says what is wrong with an address, without its passwords.
func unclear(address string, err error) error {
	reason := oneLine(err)
	// The driver repeats the address before it says what is wrong.
	if _, after, ok := strings.Cut(reason, "`: "); ok {
		reason = after
	}
	if strings.Contains(reason, "URL") {
		reason = "it is no URL; " + escapes
	}
	_, secrets := split(address)
	for _, secret := range secrets {
		plain, err := url.QueryUnescape(secret)
		if err != nil {
			plain = secret
		}
		for _, part := range strings.FieldsFunc(secret+" "+plain, func(r rune) bool { return strings.ContainsRune(`@:/?#&=%,'"\ `, r) }) {
			if strings.Contains(reason, part) {
				reason = "a setting in it is wrong"
			}
		}
	}
	return platen.Errorf(platen.Invalid, "the database's address can not be understood: %s; it is like postgres://user@host:5432/database", reason)
}
