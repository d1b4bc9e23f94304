package sqlstore

import (
	"slices"
	"strconv"
	"strings"
)

// A ColumnType is what a column holds in both databases.
type ColumnType int

// The types of columns.
const (
	Integer ColumnType = iota // 64 bits, or NULL
	Text
	Bytes
)

// A Column is a column of a table.
type Column struct {
	Name string
	Type ColumnType
}

// A table is a table with all its columns.
type table struct {
	name    string
	key     int // so many of the columns, from the first on, are its key
	columns []Column
	where   string // the condition of rows that [Copy] copies; "": all
}

func integers(names ...string) []Column { return columnsOf(Integer, names) }
func texts(names ...string) []Column    { return columnsOf(Text, names) }
func blobs(names ...string) []Column    { return columnsOf(Bytes, names) }

func columnsOf(of ColumnType, names []string) []Column {
	columns := make([]Column, len(names))
	for i, name := range names {
		columns[i] = Column{name, of}
	}
	return columns
}

var (
	entityTable       = table{"entity", 1, integers("first", "last", "kind", "parent", "ord", "record", "details", "root"), ""}
	contentBlockTable = table{"content_block", 2, slices.Concat(integers("job", "seq", "count", "digits"), blobs("pairs", "pages"), integers("first_item", "last_item", "wide")), ""}
	countBlockTable   = table{"count_block", 2, slices.Concat(integers("job_set", "seq", "first", "last", "version"), blobs("body")), ""}
	changedTable      = table{"document_changed", 1, integers("id", "version"), ""}
	detachedTable     = table{"detached", 2, integers("root", "first", "last", "parent", "ord", "freed"), ""}
	detailsMediaTable = table{"details_media", 2, slices.Concat(integers("details"), texts("name")), ""}
	findValueTable    = table{"find_value", 3, slices.Concat(integers("name"), blobs("value"), integers("entity"), blobs("digest")), ""}
	findRangeTable    = table{"find_range", 1, integers("seq", "first", "last", "root", "late"), ""}
	newRangeTable     = table{"find_range", 0, integers("first", "last", "root", "late"), ""} // seq comes by itself
	setFactTable      = table{"set_fact", 1, slices.Concat(integers("id", "kind", "created"), texts("created_by", "created_token"),
		integers("how", "jobs", "segments", "document_sets", "documents", "items", "pages", "sheets", "records")), ""}
	jobCountTable   = table{"job_count", 2, slices.Concat(integers("job_set", "seq"), blobs("body")), ""}
	updatedTable    = table{"entity_updated", 1, integers("id", "updated"), ""}
	namedTokenTable = table{"named_token", 1, slices.Concat(texts("name"), blobs("hash"), texts("owner"), integers("role", "kinds", "disabled", "created"), texts("created_by"), integers("expires", "used")), ""}
	retentionTable  = table{"retention_rule", 1, slices.Concat(texts("name"), integers("kind", "days"), texts("filter"), integers("enabled", "version", "created"), texts("created_by"),
		integers("changed"), texts("changed_by"), integers("last_run", "last_version", "last_deleted"), texts("last_error")), ""}
	viewTable = table{"saved_view", 1, slices.Concat(integers("id"), texts("owner"), integers("shared"), texts("name"), integers("kind"),
		texts("filter", "order_by", "fields"), integers("version", "created", "changed")), ""}
	newViewTable  = table{viewTable.name, 0, viewTable.columns[1:], ""} // id comes by itself
	findLongTable = table{"find_long", 2, slices.Concat(integers("name", "entity"), blobs("value")), ""}

	// listTables are the tables of lists, by facet: a table for each facet, so
	// that a list is found by the id of its entity alone.
	listTables = makeListTables()

	changeSetTable = table{"change_set", 1, integers("id", "change", "created"), ""}
)

func makeListTables() (tables [len(facets)]table) {
	for _, f := range facets {
		tables[f] = table{f.String(), 1, slices.Concat(integers("id"), texts("list"), integers("change")), "list <> '[]' OR change <> 0"}
	}
	return tables
}

// copiedTables are the tables that [Copy] copies, in this order. Those that it
// leaves out are in schema_test.go, with the reason.
var copiedTables = slices.Concat([]table{entityTable}, listTables[:], []table{
	{"change_block", 1, slices.Concat(integers("id", "at", "position"), blobs("body")), ""},
	{"change_part", 2, slices.Concat(integers("id", "part"), blobs("body")), ""},
	changeSetTable,
	contentBlockTable,
	countBlockTable,
	changedTable,
	setFactTable,
	jobCountTable,
	updatedTable,
	{"data_schema", 1, slices.Concat(integers("dataset"), texts("body")), ""},
	{"record_table", 1, slices.Concat(integers("id"), texts("name")), ""},
	{"content_set", 1, slices.Concat(integers("id"), texts("type")), ""},
	{"details", 1, slices.Concat(integers("id"), texts("body"), integers("pages", "sheets", "sections", "duplex"), texts("template")), ""},
	detailsMediaTable,
	{"deleted_set", 1, slices.Concat(integers("id", "kind", "marked", "state"), texts("owner"), integers("given_first", "given_last", "begun"), texts("deleted_by")), ""},
	detachedTable,
	{"undeleted_set", 1, integers("id", "at"), ""},
	{"find_name", 1, slices.Concat(integers("id", "kind", "facet"), blobs("name")), ""},
	findValueTable,
	findLongTable,
	findRangeTable,
	{"operation", 1, slices.Concat(texts("id", "type"), integers("started", "ended", "result"), texts("message", "owner"), integers("percent"), texts("outcome"), integers("cancelled")), ""},
	{"server_user", 1, slices.Concat(texts("name", "password"), integers("epoch", "changed", "role"), texts("issuer", "subject"), integers("disabled")), ""},
	namedTokenTable,
	retentionTable,
	viewTable,
	{"secret", 1, slices.Concat(texts("name"), blobs("value")), "name <> '" + copyMark + "'"},
	webhookTable, attemptTable,
})

// Definition returns what CREATE TABLE says of columns, of which the first are the
// key. types are those of the database, by [ColumnType].
func Definition(columns []Column, key int, types []string) string {
	var parts, keys []string
	for i, column := range columns {
		parts = append(parts, column.Name+" "+types[column.Type]+" NOT NULL")
		if i < key {
			keys = append(keys, column.Name)
		}
	}
	return strings.Join(parts, ", ") + ", PRIMARY KEY (" + strings.Join(keys, ", ") + ")"
}

// names returns the names of the columns.
func (t table) names() []string {
	names := make([]string, len(t.columns))
	for i, column := range t.columns {
		names[i] = column.Name
	}
	return names
}

// condition returns the WHERE clause of the rows that count.
func (t table) condition() string {
	if t.where == "" {
		return ""
	}
	return " WHERE " + t.where
}

// selectAll selects the rows that count in the order of the key; with after,
// those after the key that the parameters are.
func (t table) selectAll(after bool) string {
	key := strings.Join(t.names()[:t.key], ", ")
	var conditions []string
	if t.where != "" {
		conditions = append(conditions, "("+t.where+")")
	}
	if after {
		conditions = append(conditions, "("+key+") > ("+placeholders(t.key)+")")
	}
	where := ""
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	return "SELECT " + strings.Join(t.names(), ", ") + " FROM " + t.name + where + " ORDER BY " + key
}

// insert inserts a row, whose columns are the parameters.
func (t table) insert() string {
	return "INSERT INTO " + t.name + " (" + strings.Join(t.names(), ", ") + ") VALUES (" + placeholders(len(t.columns)) + ")"
}

// keyIs is the condition that the parameters are the key.
func (t table) keyIs() string {
	conditions := make([]string, t.key)
	for i, name := range t.names()[:t.key] {
		conditions[i] = name + " = $" + strconv.Itoa(i+1)
	}
	return strings.Join(conditions, " AND ")
}

// placeholders returns "$1, $2, …".
func placeholders(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(all, ", ")
}
