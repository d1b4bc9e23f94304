package search

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

// HeadBytes is how many bytes of a value the index is ordered by
// (find_value.value). A longer value is whole in find_long. It is an invariant
// of stored rows.
const HeadBytes = 512

// IndexKey returns what find_value has of a value: its first [HeadBytes], and
// the digest of all of it if it is longer, so that two values are equal if and
// only if these are. The digest of a value that is not longer is empty.
func IndexKey(value string) (head, digest []byte) {
	if len(value) <= HeadBytes {
		return []byte(value), []byte{}
	}
	sum := sha256.New()
	var part [4096]byte // rather than a copy of all of the value
	for at := 0; at < len(value); {
		n := copy(part[:], value[at:])
		sum.Write(part[:n])
		at += n
	}
	return []byte(value[:HeadBytes]), sum.Sum(nil)
}

// oneRow ends the query of an EXISTS. Without it PostgreSQL makes a join of
// each, and plans so many joins for minutes, in which it can not be interrupted.
const oneRow = " LIMIT 1 OFFSET 0"

// findText is the statement of the entities for which a Text rule holds, from
// the index.
func findText(w *writer, rule *platen.Rule) string {
	from := "SELECT v.entity AS id FROM " + w.values() + " AS v WHERE v.name = " + w.name(rule.Facet, rule.Name) + " AND " + w.condition(rule)
	if w.owns(rule.Facet) {
		return from
	}
	return "SELECT e.first + o.id - e.record AS id FROM (" + from + ") AS o " + w.plan.dialect.JoinItems("o.id", w.plan.options.LongestRun) +
		" WHERE e.record + e.last - e.first >= o.id"
}

func testText(w *writer, rule *platen.Rule) string {
	return "EXISTS (SELECT 1 FROM " + w.values() + " AS v WHERE v.entity = " + w.ownerOf(rule.Facet, "c.id") +
		" AND +v.name = " + w.name(rule.Facet, rule.Name) + " AND " + w.condition(rule) + oneRow + ")"
}

// whole is a condition on the whole of the value v: of gives it for an
// expression of the value. Only a long value is looked up in find_long.
func (w *writer) whole(v string, of func(value string) string) string {
	return "CASE WHEN length(" + v + ".digest) = 0 THEN " + of(v+".value") + " ELSE (SELECT " + of("l.value") +
		" FROM " + w.plan.options.Longs + " AS l WHERE l.name = " + v + ".name AND l.entity = " + v + ".entity) END"
}

// full is the whole of the value v.
func (w *writer) full(v string) string { return w.whole(v, func(value string) string { return value }) }

// condition is that of a Text rule on the value v.
func (w *writer) condition(rule *platen.Rule) string {
	if outside := w.plan.outside[rule]; outside != nil {
		return w.shortPattern(outside)
	}
	if rule.Other != "" {
		return "EXISTS (SELECT 1 FROM " + w.values() + " AS o WHERE o.entity = v.entity AND +o.name = " +
			w.name(rule.Facet, rule.Other) + " AND " + w.compare(rule.Condition, w.full("v"), w.full("o")) + oneRow + ")"
	}
	if rule.Numeric {
		number, _ := platen.ParseNumber(rule.Value)
		return "CASE WHEN length(v.digest) = 0 THEN " + w.plan.dialect.Number("v.value") + " " + w.operator(rule.Condition) + " " +
			"CAST(" + w.arg(number) + " AS DOUBLE PRECISION) ELSE 1 = 0 END"
	}
	switch rule.Condition {
	case platen.In, platen.NotIn:
		var short, long, parts []string
		for _, value := range rule.Values {
			head, digest := IndexKey(value)
			if len(head) < HeadBytes {
				short = append(short, w.arg(head))
				continue
			}
			long = append(long, "("+w.plan.dialect.Bytes(w.arg(head))+", "+w.plan.dialect.Bytes(w.arg(digest))+")")
		}
		if len(short) > 0 {
			parts = append(parts, "v.value IN ("+strings.Join(short, ", ")+")")
		}
		if len(long) > 0 {
			parts = append(parts, "(v.value, v.digest) IN (VALUES "+strings.Join(long, ", ")+")")
		}
		text := "(" + joined(parts, " OR ", "1 = 0") + ")"
		if rule.Condition == platen.NotIn {
			text = "NOT " + text
		}
		return text
	case platen.StartsWith:
		return w.startsWith(rule.Value)
	case platen.Contains, platen.NotContains, platen.EndsWith, platen.Like, platen.NotLike:
		value := w.plan.dialect.Bytes(w.arg([]byte(rule.Value)))
		return w.whole("v", func(v string) string { return w.compare(rule.Condition, v, value) })
	}
	return w.order(rule.Condition, rule.Value)
}

// order compares with a value in a way that the index serves.
func (w *writer) order(condition platen.Condition, value string) string {
	head, digest := IndexKey(value)
	operator := w.operator(condition)
	h := w.arg(head)
	if len(head) < HeadBytes { // then the heads decide
		return "v.value " + operator + " " + h
	}
	switch condition {
	case platen.Equal:
		return "(v.value = " + h + " AND v.digest = " + w.arg(digest) + ")"
	case platen.NotEqual:
		return "NOT (v.value = " + h + " AND v.digest = " + w.arg(digest) + ")"
	}
	all := w.arg([]byte(value))
	return "(v.value " + strings.TrimSuffix(operator, "=") + " " + h + " OR v.value = " + h + " AND " +
		w.whole("v", func(v string) string { return v + " " + operator + " " + all }) + ")"
}

func (w *writer) startsWith(value string) string {
	head, digest := IndexKey(value)
	if len(digest) > 0 {
		h, start := w.arg(head), w.arg([]byte(value))
		return "(v.value = " + h + " AND " +
			w.whole("v", func(v string) string { return "substr(" + v + ", 1, " + strconv.Itoa(len(value)) + ") = " + start }) + ")"
	}
	text := "v.value >= " + w.arg(head)
	// The smallest text that is larger than all with that start.
	for n := len(head); n > 0; n-- {
		if head[n-1] < 0xff {
			next := slices.Clone(head[:n])
			next[n-1]++
			return "(" + text + " AND v.value < " + w.arg(next) + ")"
		}
	}
	return text
}

// compare is a condition between two expressions.
func (w *writer) compare(condition platen.Condition, a, b string) string {
	switch condition {
	case platen.Contains, platen.NotContains, platen.StartsWith, platen.EndsWith:
		// Databases differ in what a part of nothing is.
		part := "length(" + b + ") = 0 OR "
		switch condition {
		case platen.StartsWith:
			part += "substr(" + a + ", 1, length(" + b + ")) = " + b
		case platen.EndsWith:
			part += "length(" + a + ") >= length(" + b + ") AND substr(" + a + ", length(" + a + ") - length(" + b + ") + 1) = " + b
		default:
			part += w.plan.dialect.Contains(a, b)
		}
		if condition == platen.NotContains {
			return "NOT (" + part + ")"
		}
		return "(" + part + ")"
	case platen.Like:
		return w.plan.dialect.Like(a, b)
	case platen.NotLike:
		return "NOT " + w.plan.dialect.Like(a, b)
	}
	return a + " " + w.operator(condition) + " " + b
}
