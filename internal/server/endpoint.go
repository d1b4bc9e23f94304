package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/console"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/telemetry"
)

// A handler answers a request, or returns the error to answer with.
type handler func(s *Server, w *response, r *http.Request, to target) error

// A target is what a request is for: its route, and what the path names.
type target struct {
	*olrest.Route
	ref  platen.Ref // the entity, if the path has an {id}
	name string     // of something else, such as an operation
}

// A method is what an endpoint does for one method of HTTP.
type method struct {
	handle    handler
	route     olrest.Route
	parameter string           // of the path, "" for none
	slot      admission.Reason // what it holds a slot of while it runs, "" for none
	disk      bool             // it needs much room on the disk

	role  platen.Role    // that the caller needs, see olrest.Access
	kinds platen.KindSet // of entities that the caller's token may not be kept from

	unrecorded bool // the journal does not have it
	page       bool // a browser shows the answer, also an error
}

// An endpoint is all that can be done at one path: nothing if it has no
// methods.
type endpoint struct {
	open    bool // for everybody, or it checks credentials itself
	methods map[string]*method
	allow   string // the methods, for the header Allow

	unrecorded bool // the journal does not have what is sent here
	page       bool // browsers show the answer, errors too
}

// handlers has what each action of olrest does.
var handlers = map[olrest.Action]method{
	olrest.Handshake:       {handle: (*Server).handshake},
	olrest.Version:         {handle: (*Server).version},
	olrest.Login:           {handle: (*Server).login},
	olrest.Entities:        {handle: (*Server).entities},
	olrest.Children:        {handle: (*Server).children},
	olrest.Contents:        {handle: (*Server).contents},
	olrest.ReadList:        {handle: (*Server).readList},
	olrest.ReplaceList:     {handle: (*Server).replaceList},
	olrest.MergeLists:      {handle: (*Server).mergeLists},
	olrest.Delete:          {handle: (*Server).delete},
	olrest.PageDetails:     {handle: (*Server).pageDetails},
	olrest.RecordOfItem:    {handle: (*Server).recordOfItem},
	olrest.AddRecords:      {handle: (*Server).addRecords},
	olrest.ReadRecord:      {handle: (*Server).readRecord},
	olrest.ReadRecords:     {handle: (*Server).readRecords},
	olrest.QueryRecords:    {handle: (*Server).queryRecords},
	olrest.UpdateRecord:    {handle: (*Server).updateRecord},
	olrest.UpdateRecords:   {handle: (*Server).updateRecords},
	olrest.FindEntities:    {handle: (*Server).find},
	olrest.ReadStatistics:  {handle: (*Server).statistics},
	olrest.CreateStructure: {handle: (*Server).createStructure, slot: admission.Imports, disk: true},
	olrest.CreateDefault:   {handle: (*Server).createDefault, disk: true},
	olrest.CreatePreset:    {handle: (*Server).createPreset},
	olrest.Operations:      {handle: (*Server).listOperations},
	olrest.Progress:        {handle: (*Server).progress},
	olrest.Result:          {handle: (*Server).result},
	olrest.Cancel:          {handle: (*Server).cancel},
	olrest.Import:          {handle: withoutQuery((*Server).importSet), slot: admission.Imports, disk: true},
	olrest.Export:          {handle: withoutQuery((*Server).exportSet)},
	olrest.Undelete:        {handle: withoutQuery((*Server).undelete)},
	olrest.ListDeleted:     {handle: (*Server).listDeleted},
	olrest.ReadServer:      {handle: withoutQuery((*Server).readServer)},
	olrest.ReadIntake:      {handle: (*Server).intake},
	olrest.ReadMe:          {handle: withoutQuery((*Server).me)},
	olrest.ChangePassword:  {handle: withoutQuery((*Server).changePassword)},
	olrest.ListUsers:       {handle: withoutQuery((*Server).users)},
	olrest.AddUser:         {handle: withoutQuery((*Server).addUser)},
	olrest.DescribeUser:    {handle: withoutQuery((*Server).user)},
	olrest.ChangeUser:      {handle: withoutQuery((*Server).changeUser)},
	olrest.RemoveUser:      {handle: withoutQuery((*Server).removeUser)},
	olrest.ListTokens:      {handle: withoutQuery((*Server).tokens)},
	olrest.AddToken:        {handle: withoutQuery((*Server).makeToken)},
	olrest.DescribeToken:   {handle: withoutQuery((*Server).token)},
	olrest.ChangeToken:     {handle: withoutQuery((*Server).changeToken)},
	olrest.RemoveToken:     {handle: withoutQuery((*Server).revokeToken)},
	olrest.ListEntities:    {handle: (*Server).listEntities},
	olrest.ReadEntity:      {handle: withoutQuery((*Server).readEntity)},
	olrest.DeleteEntity:    {handle: withoutQuery((*Server).deleteEntity)},
	olrest.EntityChildren:  {handle: (*Server).entityChildren},
	olrest.EntityPages:     {handle: (*Server).entityPages},
	olrest.ListWebhooks:    {handle: (*Server).listWebhooks},
	olrest.AddWebhook:      {handle: withoutQuery((*Server).addWebhook)},
	olrest.DescribeWebhook: {handle: onWebhook((*Server).describeWebhook)},
	olrest.ChangeWebhook:   {handle: onWebhook((*Server).changeWebhook)},
	olrest.RemoveWebhook:   {handle: onWebhook((*Server).removeWebhook)},
	olrest.ListAttempts:    {handle: (*Server).listAttempts},
	olrest.TestWebhook:     {handle: onWebhook((*Server).testWebhook)},
	olrest.ReplayWebhook:   {handle: onWebhook((*Server).replayWebhook)},
	olrest.RotateWebhook:   {handle: onWebhook((*Server).rotateWebhook)},
	olrest.EntityHistory:   {handle: (*Server).history},
	olrest.ReadListAt:      {handle: (*Server).listAt},
	olrest.ReadChange:      {handle: (*Server).readChange},
	olrest.RevertChange:    {handle: (*Server).revert},
	olrest.ReadEvents:      {handle: (*Server).readEvents},
	olrest.ListRequests:    {handle: (*Server).listRequests, unrecorded: true},
	olrest.CountRequests:   {handle: (*Server).countRequests, unrecorded: true},
	olrest.DeleteRequests:  {handle: (*Server).deleteRequests, unrecorded: true},
	olrest.ReadRequest:     {handle: (*Server).readRequest, unrecorded: true},
	olrest.DeleteRequest:   {handle: (*Server).deleteRequest, unrecorded: true},
	olrest.RequestAsCurl:   {handle: (*Server).requestAsCurl, unrecorded: true},
	olrest.UpdateMany:      {handle: (*Server).updateMany},
	olrest.ListOperations:  {handle: (*Server).operationsRunning},
	olrest.ReadOperation:   {handle: withoutQuery((*Server).readOperation)},
	olrest.CancelOperation: {handle: withoutQuery((*Server).cancelOperation)},
	olrest.ListRules:       {handle: withoutQuery((*Server).rules)},
	olrest.AddRule:         {handle: withoutQuery((*Server).addRule)},
	olrest.DescribeRule:    {handle: withoutQuery((*Server).rule)},
	olrest.ChangeRule:      {handle: withoutQuery((*Server).changeRule)},
	olrest.RemoveRule:      {handle: withoutQuery((*Server).removeRule)},
	olrest.PreviewRule:     {handle: (*Server).previewRule},
	olrest.ListViews:       {handle: withoutQuery((*Server).views)},
	olrest.AddView:         {handle: withoutQuery((*Server).addView)},
	olrest.DescribeView:    {handle: withoutQuery((*Server).view)},
	olrest.ReplaceView:     {handle: (*Server).replaceView},
	olrest.RemoveView:      {handle: withoutQuery((*Server).removeView)},
	olrest.ListNames:       {handle: (*Server).listNames},
}

// withoutQuery makes a handler of one whose query has no parameters.
func withoutQuery(handle handler) handler {
	return func(s *Server, w *response, r *http.Request, to target) error {
		if err := olrest.CheckQuery(r.URL.Query()); err != nil {
			return err
		}
		return handle(s, w, r, to)
	}
}

// addEndpoints makes the endpoint of each path known to the mux.
func (s *Server) addEndpoints() {
	endpoints := make(map[string]*endpoint)
	add := func(path, name string, open bool, m method) {
		at := endpoints[path]
		if at == nil {
			at = &endpoint{open: open, methods: make(map[string]*method)}
			endpoints[path] = at
		}
		at.methods[name] = &m
		at.unrecorded, at.page = at.unrecorded || m.unrecorded, at.page || m.page
	}
	for _, route := range olrest.Routes() {
		m, ok := handlers[route.Action]
		if !ok {
			m, ok = sandboxHandlers[route.Action]
		}
		if !ok {
			panic("server: a route has no handler")
		}
		if s.Sandbox != nil && !m.unrecorded {
			m.handle = faulted(m.handle)
		}
		m.route, m.parameter = route, route.Parameter()
		m.role, m.kinds = route.Access().Role, route.Kinds()
		add(route.Path, route.Method, route.Open(), m)
	}
	add("/{$}", http.MethodGet, true, method{handle: (*Server).index})
	for path, handle := range map[string]handler{
		"/healthz": (*Server).health, "/readyz": (*Server).ready,
		"/serverengine/doc": (*Server).document, "/serverengine/doc/{file}": (*Server).document,
		console.Files: (*Server).console,
	} {
		add(path, http.MethodGet, true, method{handle: handle, unrecorded: true})
	}
	// The metrics name no entity, so any token will do, such as that of a program
	// which collects them.
	add(telemetry.Path, http.MethodGet, false, method{handle: (*Server).metrics, role: platen.Viewer, unrecorded: true})
	add(console.Session, http.MethodPost, true, method{handle: (*Server).logIn})
	add(console.Session, http.MethodPut, true, method{handle: (*Server).renew})
	add(console.Session, http.MethodDelete, true, method{handle: (*Server).logOut})
	add(console.WaysIn, http.MethodGet, true, method{handle: withoutQuery((*Server).waysIn), unrecorded: true})
	// Unrecorded, since what the provider sends is in the query.
	add(console.OpenID, http.MethodGet, true, method{handle: (*Server).toProvider, unrecorded: true, page: true})
	add(console.Callback, http.MethodGet, true, method{handle: (*Server).fromProvider, unrecorded: true, page: true})

	for path, at := range endpoints {
		at.allow = at.allowed()
		s.mux.Handle(path, at)
	}
	s.mux.Handle("/", s.nowhere)
}

// allowed lists the methods of an endpoint for the header Allow.
func (e *endpoint) allowed() string {
	var names []string
	for name := range e.methods {
		names = append(names, name)
		if name == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// ServeHTTP is what the mux calls. It answers nothing, so that the way to a
// handler does not lead through the mux: it only says what was found.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.(*response).endpoint = e }

// endpointOf returns the endpoint of a request. A path that the mux would clean is
// none of ours: nothing is ever redirected, since clients turn a redirected
// PUT into a GET.
func (s *Server) endpointOf(w *response, r *http.Request) *endpoint {
	w.endpoint = s.nowhere
	if isCleanPath(r.URL.EscapedPath()) && r.Method != http.MethodConnect {
		s.mux.ServeHTTP(w, r)
	}
	return w.endpoint
}

// isCleanPath reports whether a path, as it was sent, begins with a slash and has no
// empty segment and none of dots. A name in it may have slashes, written as %2F.
func isCleanPath(path string) bool {
	if path == "/" {
		return true
	}
	if path == "" || path[0] != '/' {
		return false
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// target returns what a request to the method is for. An {id} that can be no
// identifier is not found, like one that does not exist, and so is a name that is no
// text. A query of platen's own API must be readable as a whole, since without the
// part that is not a request may mean more than it says; so may one with tags where
// there are none.
func (m *method) target(r *http.Request) (target, error) {
	to := target{Route: &m.route}
	if r.URL.RawQuery != "" && m.route.Native() {
		if err := olrest.CheckRawQuery(r.URL.RawQuery); err != nil {
			return to, err
		}
	}
	if err := m.route.CheckTags(r.Header); err != nil || m.parameter == "" {
		return to, err
	}
	text := r.PathValue(m.parameter)
	if m.parameter != olrest.IDParameter {
		if wrong := platen.CheckText(text); wrong != "" {
			return to, platen.Errorf(platen.NotFound, "%s %.80q not found: it %s", m.parameter, text, wrong).About(strings.ToValidUTF8(text, "\uFFFD"))
		}
		to.name = text
		return to, nil
	}
	id, ok := platen.ParseID(text)
	if !ok {
		const most = 64
		if len(text) > most {
			text = text[:most] + "…"
		}
		err := platen.Errorf(platen.NotFound, "%s %q not found: an id is a whole number from 1 to %d", m.route.Kind, text, platen.MaxID)
		err.Param = text
		return to, err
	}
	to.ref = platen.Ref{Kind: m.route.Kind, ID: id}
	return to, nil
}
