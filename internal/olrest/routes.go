// Package olrest is the dialect: the paths, JSON shapes, statuses and headers
// of the OL Connect REST API as platen speaks it, and of platen's own API
// under /api/v1. It is the only package that knows a URL segment, a JSON key
// or a status. The server binds [Routes] to a store, the client formats them.
package olrest

import (
	"net/http"
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
	Handshake    Action = iota // say that the service is there
	Version                    // say which version of the API is spoken
	Login                      // trade a password for a token
	Entities                   // list all entities of a kind
	Children                   // list what an entity contains
	Contents                   // list the content items of a job
	ReadList                   // read properties or metadata
	ReplaceList                // replace properties or metadata
	MergeLists                 // update the properties of many
	ImportJobSet               // store a job set document
	ExportJobSet               // return a job set as a document
)

// A Route is a method on a path.
type Route struct {
	Method  string
	Path    string // {id} stands for an identifier
	Action  Action
	Kind    platen.Kind  // of the entity that {id} names, or that is listed
	Facet   platen.Facet // ReadList, ReplaceList, MergeLists
	Service string       // the name in the handshake
}

// Open reports whether the route checks credentials itself, or needs none.
func (r Route) Open() bool { return r.Action == Login }

// A service is the part of the dialect that serves one kind of entity.
type service struct {
	kind    platen.Kind
	segment string
	name    string
}

var services = []service{
	{platen.JobSet, "jobsets", "JobSetEntityRestService"},
	{platen.Job, "jobs", "JobEntityRestService"},
	{platen.JobSegment, "jobsegments", "JobSegmentEntityRestService"},
	{platen.DocumentSet, "documentsets", "DocumentSetEntityRestService"},
	{platen.Document, "documents", "DocumentEntityRestService"},
}

// routes is the whole API, made once.
var routes = makeRoutes()

// Routes returns all routes.
func Routes() []Route { return routes }

func makeRoutes() []Route {
	const authentication = Prefix + "/authentication"
	list := []Route{
		{Method: http.MethodGet, Path: authentication, Action: Handshake, Service: "AuthenticationRestService"},
		{Method: http.MethodGet, Path: authentication + "/version", Action: Version},
		{Method: http.MethodPost, Path: authentication + "/login", Action: Login},
		{Method: http.MethodPost, Path: NativePrefix + "/jobsets", Action: ImportJobSet, Kind: platen.JobSet},
		{Method: http.MethodGet, Path: NativePrefix + "/jobsets/{id}", Action: ExportJobSet, Kind: platen.JobSet},
	}
	for _, s := range services {
		list = append(list, s.routes()...)
	}
	return list
}

// routes derives the routes of a service from the row of its kind.
func (s service) routes() []Route {
	base := Prefix + "/entity/" + s.segment
	var list []Route
	add := func(method, path string, action Action, facet platen.Facet) {
		list = append(list, Route{
			Method: method, Path: base + path, Action: action,
			Kind: s.kind, Facet: facet, Service: s.name,
		})
	}
	info := s.kind.Info()
	if info.Set {
		add(http.MethodGet, "", Entities, 0)
	} else {
		add(http.MethodGet, "", Handshake, 0)
	}
	add(http.MethodGet, "/version", Version, 0)
	if info.Child != 0 && info.Child != platen.DocumentPage {
		add(http.MethodGet, "/{id}", Children, 0)
	}
	if s.kind == platen.Job {
		add(http.MethodGet, "/{id}/contents", Contents, 0)
	}
	for _, facet := range info.Facets {
		add(http.MethodGet, "/{id}/"+facet.String(), ReadList, facet)
		add(http.MethodPut, "/{id}/"+facet.String(), ReplaceList, facet)
	}
	if info.Many {
		add(http.MethodPut, "/properties", MergeLists, platen.Properties)
	}
	return list
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

// URL returns the route's path for one entity.
func (r Route) URL(id platen.ID) string {
	return strings.Replace(r.Path, "{id}", id.String(), 1)
}

// HandshakeText is the answer to a handshake.
func (r Route) HandshakeText() string {
	return "Server Engine REST Service available: " + r.Service
}

// WantsText reports whether an Accept header admits plain text and no JSON.
// The services of sets serve their handshake and their list on one path, and
// tell them apart by this.
func WantsText(accept string) bool {
	text, json := false, accept == ""
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/plain", "text/*":
			text = true
		case "application/json", "application/*", "*/*":
			json = true
		}
	}
	return text && !json
}
