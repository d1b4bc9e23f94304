package filter

// A Key is what a list is ordered by.
type Key struct {
	Name       []string // the segments, without quotes
	Descending bool
	At         int // the character, from 1, where the name begins
}

// ParseOrder reads names with commas between them, each of which may have asc or
// desc behind it: https://google.aip.dev/132#ordering. The error is an [*Error].
func ParseOrder(text string) ([]Key, error) {
	return keys(text, true)
}

// ParseNames reads names with commas between them. The error is an [*Error].
func ParseNames(text string) ([]Key, error) {
	return keys(text, false)
}

func keys(text string, directions bool) ([]Key, error) {
	if err := check(text); err != nil {
		return nil, err
	}
	p := parser{text: text}
	var all []Key
	for {
		p.space()
		key := Key{At: p.character(p.at)}
		var err error
		if key.Name, err = p.name(); err != nil {
			return nil, err
		}
		p.space()
		expected := "a comma or the end"
		if directions {
			at := p.at
			switch direction := p.until(",()\"'"); direction {
			case "":
				expected = "asc, desc, a comma or the end"
			case "asc", "desc":
				key.Descending = direction == "desc"
			default:
				return nil, p.expected("asc, desc, a comma or the end", at)
			}
			p.space()
		}
		all = append(all, key)
		if p.end() {
			return all, nil
		}
		if p.rest()[0] != ',' {
			return nil, p.expected(expected, p.at)
		}
		p.at++
	}
}
