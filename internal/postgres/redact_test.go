package postgres_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/postgres"
)

// addresses are ways to write a password into an address, right and wrong. No
// server is at any of them.
var addresses = []string{
	"postgres://platen:PASSWORD@127.0.0.1:1/platen",
	"postgres://platen:PASSWORD@127.0.0.1:1",
	"postgres://platen:PASSWORD@127.0.0.1:1,127.0.0.1:2/platen?sslmode=disable",
	"postgres://platen:PASSWORD@127.0.0.1:1/platen?application_name=a@b",
	"postgres://platen:PASSWORD@127.0.0.1:port/platen",
	"postgres://platen:PASSWORD@127.0.0.1:1/platen?sslmode=nonsense",
	"postgresql:///platen?host=127.0.0.1&port=1&password=PASSWORD",
	"postgresql://127.0.0.1:1/platen?sslpassword=PASSWORD&sslmode=disable",
	"postgresql://127.0.0.1:1/platen?SSLPassword=PASSWORD",
	"postgresql://127.0.0.1:1/platen?sslmode=disable&pass%77ord=PASSWORD",
}

var passwords = []string{
	"geheim", "ge@heim", "ge@hei@m", "@geheim", "geheim@", "ge:heim", "ge/heim", "ge?heim", "ge#heim", "ge&heim", "ge=heim",
	"ge%heim", "ge%40heim", "ge%zzheim", "ge heim", "ge,heim", "ge[heim]", "ge'heim", "ge\"heim", "ge\\heim", "ge\nheim", "12?heim", "12/heim@x", "12#heim", "p@w:1/2?3=4#heim",
}

// checkHidden checks that neither the password nor what follows a sign in it
// that ends passwords is shown.
func checkHidden(t *testing.T, address, password string, shown string) {
	t.Helper()
	pieces := []string{password, url.QueryEscape(password)}
	if i := strings.LastIndexAny(password, "@/?#:"); i >= 0 {
		pieces = append(pieces, password[i+1:])
	}
	for _, piece := range pieces {
		if len(piece) >= 4 && strings.Contains(shown, piece) {
			t.Errorf("%q in %q is shown: %s", password, address, shown)
		}
	}
}

func checkAddress(t *testing.T, form, password string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no server is needed for what the address is taken for
	for _, written := range []string{password, url.QueryEscape(password), url.PathEscape(password)} {
		address := strings.Replace(form, "PASSWORD", written, 1)
		checkHidden(t, address, password, postgres.Redact(address))
		if d, err := postgres.Connect(ctx, address); err != nil {
			checkHidden(t, address, password, err.Error())
		} else {
			d.Close()
		}
	}
}

func TestRedact(t *testing.T) {
	for _, form := range addresses {
		for _, password := range passwords {
			checkAddress(t, form, password)
		}
	}
	for address, want := range map[string]string{
		"postgres://platen:geheim@one:5432/platen":                              "postgres://platen:xxxxx@one:5432/platen",
		"postgres://platen:geheim@one:5432,two:5432/platen?sslmode=disable":     "postgres://platen:xxxxx@one:5432,two:5432/platen?sslmode=disable",
		"postgres://platen:geheim@one/platen?user=a%40b&sslpassword=geheim&x=y": "postgres://platen:xxxxx@one/platen?user=a%40b&sslpassword=xxxxx&x=y",
		"postgres://platen:geheim@one/platen?user=a@b":                          "postgres://xxxxx",
		"postgres://one/platen":                                                 "postgres://one/platen",
		"postgres://one:5432/platen?sslmode=verify-full":                        "postgres://one:5432/platen?sslmode=verify-full",
		"postgres://platen@one:5432/platen":                                     "postgres://platen@one:5432/platen",
		"host=one password=geheim dbname=platen":                                "host=one password=xxxxx dbname=platen",
		"host=one password = 'ge he\\'im' dbname=platen":                        "host=one password = xxxxx dbname=platen",
	} {
		if got := postgres.Redact(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// TestUnclearAddress checks that a password that was not escaped is refused
// with a word about it, and not taken for a host.
func TestUnclearAddress(t *testing.T) {
	for _, address := range []string{
		"postgres://platen:ge@heim@127.0.0.1:1,127.0.0.1:2/platen",
		"postgres://platen:ge/heim@127.0.0.1:1/platen",
		"postgres://platen:ge?heim@127.0.0.1:1/platen",
		"postgres://platen:ge#heim@127.0.0.1:1/platen",
		"postgres://platen:ge%heim@127.0.0.1:1/platen",
	} {
		if _, err := postgres.Connect(t.Context(), address); err == nil || !strings.Contains(err.Error(), "%40") || strings.Contains(err.Error(), "heim") {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, err := postgres.Connect(t.Context(), "postgres://platen:geheim@127.0.0.1:1/platen?sslmode=nonsense")
	if err == nil || !strings.Contains(err.Error(), "sslmode") {
		t.Errorf("an error of another kind does not say what is wrong: %v", err)
	}
}

func FuzzRedact(f *testing.F) {
	for i, password := range passwords {
		f.Add(i%len(addresses), password)
	}
	f.Fuzz(func(t *testing.T, form int, password string) {
		if len(password) < 4 {
			return
		}
		form = (form%len(addresses) + len(addresses)) % len(addresses)
		for _, other := range []string{addresses[form], "xxxxx", "the database's address can not be understood"} {
			if strings.Contains(other, password) {
				return // it is what is shown anyway
			}
		}
		checkAddress(t, addresses[form], password)
	})
}
