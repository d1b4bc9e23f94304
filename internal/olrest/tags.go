package olrest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// The headers of tags (RFC 9110, 8.8.3 and 13.1), in canonical form.
const (
	tagHeader   = "Etag"
	matchHeader = "If-Match"
	noneHeader  = "If-None-Match"
)

// MatchHeader is the request header with the tags that what is changed must have.
const MatchHeader = matchHeader

// MatchText returns a condition as the header If-Match has it.
func MatchText(match *platen.Match) string {
	tags := make([]string, len(match.Tags))
	for i, tag := range match.Tags {
		tags[i] = tag.String()
	}
	if len(tags) == 0 {
		return `""` // which no list has
	}
	return strings.Join(tags, ", ")
}

// RevisionTag returns the tag of what has a revision, as If-Match has it.
func RevisionTag(revision string) string { return `"` + revision + `"` }

// ReadMatch returns the tags that the header If-Match of a change names, as
// [platen.Update] has them: nil if there is none, or it is *, since what does not
// exist is not found in any case. Weak tags match nothing. The header
// If-None-Match is refused: it is for reads.
func ReadMatch(header http.Header) (*platen.Match, error) {
	if header[noneHeader] != nil {
		return nil, platen.Errorf(platen.Invalid, "If-None-Match is for GET; a change takes If-Match")
	}
	if header[matchHeader] == nil {
		return nil, nil
	}
	given, err := readTags(header, matchHeader)
	if err != nil || given == nil {
		return nil, err
	}
	match := new(platen.Match)
	for _, text := range given {
		if tag, ok := platen.ParseTag(text); ok {
			match.Tags = append(match.Tags, tag)
		}
	}
	return match, nil
}

// CheckNoMatch refuses tags of a change whose body names many entities, none of
// which a header can tell apart. instead is what to do.
func CheckNoMatch(header http.Header, instead string) error {
	if match, err := ReadMatch(header); err != nil || match == nil {
		return err
	}
	return platen.Errorf(platen.Invalid, "If-Match can not say which of the entities in the body it is for; %s", instead)
}

// tagged are the actions of platen's own API that look at the headers of tags.
var tagged = map[Action]bool{
	ReadEntity: true, DeleteEntity: true, ReadListAt: true, UpdateMany: true, DescribeView: true, ReplaceView: true, RemoveView: true,
}

// CheckTags refuses the headers of tags on routes of platen's own API where nothing
// has a tag: what they ask for would not be done. The dialect ignores them there.
func (r Route) CheckTags(header http.Header) error {
	if !r.Native() || tagged[r.Action] {
		return nil
	}
	for _, name := range []string{matchHeader, noneHeader} {
		if header[name] != nil {
			return platen.Errorf(platen.Invalid, "%s is for what has an ETag, and nothing has one here: leave it out", name)
		}
	}
	return nil
}

// What there is in place of If-Match where a body names many entities.
const (
	MatchOne    = "change one at a time, or send If-Match: *"
	MatchInBody = `the body takes tags, as in {"entities":[{"id":1001,"tags":{"properties":"\"0123abcd\""}}]}`
)

// unsizedBytes is the length up to which net/http adds the length of an answer
// itself, as it sees the whole of it. A header less keeps the map of headers, with
// the tag, from growing.
const unsizedBytes = 2000

// ReplyTagged answers 200 with JSON that has a tag, or what the headers of tags
// of the request ask for in its place. tag is as Store.Tagged returns it.
func ReplyTagged(w http.ResponseWriter, request http.Header, body []byte, tag []string) error {
	if done, err := BeginTagged(w, request, tag); done || err != nil {
		return err
	}
	if len(body) > unsizedBytes {
		ReplyJSON(w, body)
		return nil
	}
	w.Header()["Content-Type"] = typeHeaders[typeJSON]
	_, _ = w.Write(body) // an error is the client's leaving
	return nil
}

// BeginTagged sets the tag of an answer that follows, unless the client has that
// already: then it answers 304.
func BeginTagged(w http.ResponseWriter, request http.Header, tag []string) (done bool, err error) {
	w.Header()[tagHeader] = tag
	defer func() {
		if platen.ErrorCode(err) == platen.Invalid {
			delete(w.Header(), tagHeader)
		}
	}()
	if request[matchHeader] == nil && request[noneHeader] == nil {
		return false, nil
	}
	if request[matchHeader] != nil {
		given, err := readTags(request, matchHeader)
		if err == nil && given != nil && !slices.Contains(given, tag[0]) {
			err = platen.Errorf(platen.Changed, "what is here does not have the tag that If-Match names")
		}
		if err != nil {
			return false, err
		}
	}
	if request[noneHeader] == nil {
		return false, nil
	}
	given, err := readTags(request, noneHeader)
	if err != nil {
		return false, err
	}
	if given != nil && !slices.ContainsFunc(given, func(text string) bool { return strings.TrimPrefix(text, weak) == tag[0] }) {
		return false, nil
	}
	w.WriteHeader(http.StatusNotModified)
	return true, nil
}

// weak begins a tag that says less than that two are equal.
const weak = "W/"

// readTags reads a list of tags, with their quotes; * is nil.
func readTags(header http.Header, name string) ([]string, error) {
	rest := strings.Join(header[name], ",")
	if strings.TrimSpace(rest) == "*" {
		return nil, nil
	}
	tags := make([]string, 0, 1)
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		prefix := ""
		if strings.HasPrefix(rest, weak) {
			prefix, rest = weak, rest[len(weak):]
		}
		end := -1
		if rest != "" && rest[0] == '"' {
			end = strings.IndexByte(rest[1:], '"')
		}
		if end < 0 {
			return nil, errTags(name)
		}
		tags = append(tags, prefix+rest[:end+2])
		rest = strings.TrimLeft(rest[end+2:], " \t")
		if rest != "" && rest[0] != ',' {
			return nil, errTags(name)
		}
	}
	if len(tags) == 0 {
		return nil, errTags(name)
	}
	return tags, nil
}

func errTags(name string) error {
	return platen.Errorf(platen.Invalid, `%s must be * or tags in quotes as the header ETag of an answer has them, such as "0123abcd", with commas between them`, name)
}
