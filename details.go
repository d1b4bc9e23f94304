package platen

import "encoding/json"

// Details are what is known of the pages of a content item: of its print
// output, that is. They are stored and passed as the JSON that [Details.Encode]
// makes, so that equal ones are equal bytes.
type Details struct {
	Pages    []PageCount `json:"pages,omitempty"`
	Template string      `json:"template,omitempty"`
}

// A PageCount is some pages on one medium.
type PageCount struct {
	Count  int64 `json:"count"` // of pages, 1 or more
	Duplex bool  `json:"duplex,omitempty"`
	Media  Media `json:"media,omitzero"`
}

// Media is what is printed on. All of it is text; empty: not said.
type Media struct {
	Name   string `json:"name"`
	Type   string `json:"type,omitempty"`
	Size   string `json:"size,omitempty"`
	Width  string `json:"width,omitempty"`  // with a unit, as in 210mm
	Height string `json:"height,omitempty"` // with a unit
	Color  string `json:"color,omitempty"`
	Weight string `json:"weight,omitempty"`
}

// Sheets returns how many sheets of paper the pages take.
func (c PageCount) Sheets() int64 {
	if c.Duplex {
		return (c.Count + 1) / 2
	}
	return c.Count
}

// Encode returns the one form in which details are stored.
func (d Details) Encode() []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // there is nothing in it that can fail
	}
	return b
}

// DecodeDetails reads what [Details.Encode] made. nil is no details.
func DecodeDetails(b []byte) (d Details, err error) {
	if b != nil {
		err = json.Unmarshal(b, &d)
	}
	return d, err
}

// ItemPages are the pages of one content item.
type ItemPages struct {
	Item  ID
	Pages []PageCount // by medium; empty: not known
}
