// Package olrest is the dialect: the paths, JSON shapes, statuses and headers
// of the OL Connect REST API as platen speaks it, and of platen's own API
// under /api/v1. It is the only package that knows a URL segment, a JSON key
// or a status. The server binds [Routes] to a store, the client formats them.
package olrest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// Where the APIs begin.
const (
	Prefix       = "/rest/serverengine"
	NativePrefix = "/api/v1"
)

// TokenHeader is the request header of a token. It has an underscore.
const TokenHeader = "auth_token"

// ExpiresHeader is the response header of a login: the seconds that its token
// is good for.
const ExpiresHeader = "Token-Expires-In"

// An Action is what a route does.
type Action uint8

// The actions.
const (
	Handshake       Action = iota // say that the service is there
	Version                       // say which version of the API is spoken
	Login                         // trade a password for a token
	Entities                      // list all entities of a kind
	Children                      // list what an entity contains
	Contents                      // list the content items of a job or content set
	ReadList                      // read properties or metadata
	ReplaceList                   // replace properties or metadata
	MergeLists                    // update the properties of many
	Delete                        // mark a set as deleted
	PageDetails                   // page details of the items of a content set
	RecordOfItem                  // name the data record of a content item
	AddRecords                    // add data records
	ReadRecord                    // read the values of a data record
	ReadRecords                   // read the values of those that the query names
	QueryRecords                  // read the values of those that the body names
	UpdateRecord                  // update values of a data record
	UpdateRecords                 // update values of many
	FindEntities                  // search
	ReadStatistics                // count documents, pages and media of a job set
	CreateStructure               // create a job set from a Job Set Structure
	CreateDefault                 // create a job set from content sets
	CreatePreset                  // create a job set with a job preset
	Operations                    // list the operations
	Progress                      // say how far an operation is
	Result                        // say what an operation made
	Cancel                        // stop an operation
	Import                        // store a document
	Export                        // return a set as a document
	Undelete                      // take back the deletion of a set
	ListDeleted                   // list the sets that are deleted
	ReadIntake                    // say what came in by the hour or day
	ReadServer                    // say what the server is, and how much there is
	ReadMe                        // say who makes the request
	ChangePassword                // replace the caller's own password
	ListUsers                     // list the users
	AddUser                       // add a user
	DescribeUser                  // say what is known of a user
	ChangeUser                    // change role or password of a user
	RemoveUser                    // remove a user
	ListTokens                    // list the named tokens
	AddToken                      // make a named token
	DescribeToken                 // say what is known of a named token
	ChangeToken                   // change role, kinds or expiry of a named token
	RemoveToken                   // revoke a named token
	ListEntities                  // list entities of a kind, by a filter
	ReadEntity                    // say what there is to know of an entity
	DeleteEntity                  // mark a set as deleted
	EntityChildren                // list what an entity contains, a page at a time
	EntityPages                   // list the pages of a document or content item
	ListWebhooks                  // list the webhooks
	AddWebhook                    // make a webhook
	DescribeWebhook               // show one
	ChangeWebhook                 // change one
	RemoveWebhook                 // remove one
	ListAttempts                  // list what was sent to it
	TestWebhook                   // send it a test
	ReplayWebhook                 // send it events again
	RotateWebhook                 // give it another secret
	EntityHistory                 // list the changes of an entity
	ReadListAt                    // read a list of an entity as it was
	ReadChange                    // read a change
	RevertChange                  // put back what was before a change
	ReadEvents                    // read the log of changes
	ListRequests                  // list the requests of the journal
	CountRequests                 // count them
	DeleteRequests                // remove them
	ReadRequest                   // read one of them
	DeleteRequest                 // remove one
	RequestAsCurl                 // write one as a command line
	UpdateMany                    // set and remove names in lists of many entities
	ListOperations                // list the operations that run
	ReadOperation                 // say what is known of an operation
	CancelOperation               // stop an operation
	ListRules                     // list the rules of retention
	AddRule                       // add a rule of retention
	DescribeRule                  // say what is known of a rule of retention
	ChangeRule                    // change a rule of retention
	RemoveRule                    // remove a rule of retention
	PreviewRule                   // list what a rule of retention would delete
	ListViews                     // list the views that the caller sees
	AddView                       // save a view
	DescribeView                  // show a view
	ReplaceView                   // replace a view
	RemoveView                    // remove a view
	ListNames                     // list the names that lists of a kind have
	DescribeSandbox               // say what a sandbox is
	ResetSandbox                  // make it as it was
	TakeSnapshot                  // keep what it is like
	RemoveSnapshot                // forget that
	ReadClock                     // read its clock
	SetClock                      // set or move it
	ListFaults                    // list its faults
	ReplaceFaults                 // replace all of them
	AddFault                      // add one
	RemoveFaults                  // remove all
	DescribeFault                 // show one
	RemoveFault                   // remove one
	AddInstance                   // start another sandbox
	RemoveInstance                // end one
)

// A Route is a method on a path.
type Route struct {
	Method  string
	Path    string // {id} stands for an identifier, other names for text
	Action  Action
	Kind    platen.Kind  // of the entity that {id} names, or that is listed
	Facet   platen.Facet // ReadList, ReplaceList, MergeLists
	Service string       // the name in the handshake
}

// IDParameter is the parameter of a path that names an entity.
const IDParameter = "id"

// Parameter returns the name of the path's parameter, "" if it has none.
func (r Route) Parameter() string {
	_, rest, _ := strings.Cut(r.Path, "{")
	name, _, _ := strings.Cut(rest, "}")
	return name
}

// Open reports whether the route checks credentials itself, or needs none.
func (r Route) Open() bool { return r.Action == Login }

// A service is the part of the dialect that serves one kind of entity.
type service struct {
	kind    platen.Kind
	segment string // of paths; also the key of its list, where a document has one
	name    string
}

var services = []service{
	{platen.DataSet, "datasets", "DataSetEntityRestService"},
	{platen.DataRecord, "datarecords", "DataRecordEntityRestService"},
	{platen.ContentSet, "contentsets", "ContentSetEntityRestService"},
	{platen.ContentItem, "contentitems", "ContentItemEntityRestService"},
	{platen.JobSet, "jobsets", "JobSetEntityRestService"},
	{platen.Job, "jobs", "JobEntityRestService"},
	{platen.JobSegment, "jobsegments", "JobSegmentEntityRestService"},
	{platen.DocumentSet, "documentsets", "DocumentSetEntityRestService"},
	{platen.Document, "documents", "DocumentEntityRestService"},
}

// Where the services that serve no kind begin.
const (
	authentication = Prefix + "/authentication"
	entities       = Prefix + "/entity"
	jobCreation    = Prefix + "/workflow/jobcreation"
)

// others are the routes that do not follow from the table of kinds.
var others = []Route{
	{Method: http.MethodGet, Path: authentication, Action: Handshake, Service: "AuthenticationRestService"},
	{Method: http.MethodGet, Path: authentication + "/version", Action: Version},
	{Method: http.MethodPost, Path: authentication + "/login", Action: Login},

	{Method: http.MethodGet, Path: entities, Action: Handshake, Service: "EntityRestService"},
	{Method: http.MethodGet, Path: entities + "/version", Action: Version},
	{Method: http.MethodPut, Path: entities + "/find", Action: FindEntities},

	{Method: http.MethodGet, Path: entities + "/jobs/{id}/contents", Action: Contents, Kind: platen.Job},
	{Method: http.MethodGet, Path: entities + "/contentsets/{id}", Action: Contents, Kind: platen.ContentSet},
	{Method: http.MethodGet, Path: entities + "/contentsets/{id}/pages", Action: PageDetails, Kind: platen.ContentSet},
	{Method: http.MethodGet, Path: entities + "/contentitems/{id}/datarecord", Action: RecordOfItem, Kind: platen.ContentItem},
	{Method: http.MethodPost, Path: entities + "/datarecords", Action: AddRecords, Kind: platen.DataRecord},
	{Method: http.MethodPut, Path: entities + "/datarecords", Action: UpdateRecords, Kind: platen.DataRecord},
	{Method: http.MethodGet, Path: entities + "/datarecords/values", Action: ReadRecords, Kind: platen.DataRecord},
	{Method: http.MethodPost, Path: entities + "/datarecords/values", Action: QueryRecords, Kind: platen.DataRecord},
	{Method: http.MethodGet, Path: entities + "/datarecords/{id}/values", Action: ReadRecord, Kind: platen.DataRecord},
	{Method: http.MethodPut, Path: entities + "/datarecords/{id}/values", Action: UpdateRecord, Kind: platen.DataRecord},

	{Method: http.MethodGet, Path: Prefix + "/statistics/jobset/{id}", Action: ReadStatistics, Kind: platen.JobSet},

	{Method: http.MethodGet, Path: jobCreation, Action: Handshake, Service: "JobCreationRestService"},
	{Method: http.MethodGet, Path: jobCreation + "/version", Action: Version},
	{Method: http.MethodPost, Path: jobCreation, Action: CreateStructure},
	{Method: http.MethodPost, Path: jobCreation + "/default", Action: CreateDefault},
	{Method: http.MethodPost, Path: jobCreation + "/default/{id}", Action: CreateDefault, Kind: platen.ContentSet},
	{Method: http.MethodPost, Path: jobCreation + "/{preset}", Action: CreatePreset},
	{Method: http.MethodGet, Path: jobCreation + "/getOperations", Action: Operations},
	{Method: http.MethodGet, Path: jobCreation + "/getProgress/{operation}", Action: Progress},
	{Method: http.MethodPost, Path: jobCreation + "/getResult/{operation}", Action: Result},
	{Method: http.MethodPost, Path: jobCreation + "/cancel/{operation}", Action: Cancel},
}

// routes is the whole API, made once.
var routes = makeRoutes()

// Routes returns all routes.
func Routes() []Route { return routes }

func makeRoutes() []Route {
	list := slices.Concat(others, natives, accounts, webhooks, retention, views, sandbox)
	for _, s := range services {
		list = append(list, s.routes()...)
	}
	return list
}

// routes derives the routes of a service from the row of its kind.
func (s service) routes() []Route {
	base := entities + "/" + s.segment
	var list []Route
	add := func(method, path string, action Action, facet platen.Facet) {
		list = append(list, Route{
			Method: method, Path: path, Action: action,
			Kind: s.kind, Facet: facet, Service: s.name,
		})
	}
	info := s.kind.Info()
	if info.Set {
		add(http.MethodGet, base, Entities, 0)
		add(http.MethodPost, base+"/{id}/delete", Delete, 0)
		add(http.MethodPost, NativePrefix+"/"+s.segment, Import, 0)
		add(http.MethodGet, NativePrefix+"/"+s.segment+"/{id}", Export, 0)
	} else {
		add(http.MethodGet, base, Handshake, 0)
	}
	add(http.MethodGet, base+"/version", Version, 0)
	switch info.Child {
	case 0, platen.DocumentPage, platen.ContentItem: // the last has a route of its own above
	default:
		add(http.MethodGet, base+"/{id}", Children, 0)
	}
	for _, facet := range info.Facets {
		add(http.MethodGet, base+"/{id}/"+facet.String(), ReadList, facet)
		add(http.MethodPut, base+"/{id}/"+facet.String(), ReplaceList, facet)
	}
	if info.Many {
		add(http.MethodPut, base+"/properties", MergeLists, platen.Properties)
	}
	return list
}

// serviceOf returns the row of a kind in services, the zero service for none.
func serviceOf(kind platen.Kind) service {
	for _, s := range services {
		if s.kind == kind {
			return s
		}
	}
	return service{}
}

// Find returns the route with that action, kind and facet. Without one, the
// error says that the API has no such method.
func Find(action Action, kind platen.Kind, facet platen.Facet) (Route, error) {
	for _, r := range routes {
		if r.Action == action && r.Kind == kind && r.Facet == facet {
			return r, nil
		}
	}
	return Route{}, platen.Errorf(platen.MethodNotAllowed, "the API has no such method for a %s", kind)
}

// HandshakeText is the answer to a handshake.
func (r Route) HandshakeText() string {
	return "Server Engine REST Service available: " + r.Service
}

// WantsText reports whether the lines of an Accept header want plain text more than
// JSON. The services of sets serve their handshake and their list on one path, and tell
// them apart by this.
func WantsText(accept []string) bool {
	return wantedOf(accept, typeText).quality > wantedOf(accept, typeJSON).quality
}
