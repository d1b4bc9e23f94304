package olrest

import "github.com/platenhq/platen"

// A Scope says of which kinds of entities a route reads or changes what is in
// them. Identifiers are not: those of other kinds stand in many lists.
type Scope uint8

// The scopes.
const (
	EveryKind  Scope = iota // all kinds may be among them
	NoKind                  // none
	OwnKind                 // that of the route
	OwnAndItem              // that of the route, and content items
	WholeSet                // that of the route, and what sets of it contain
	AskedKinds              // the request says which: the handler checks them
)

// An Access is what a caller needs for a route.
type Access struct {
	Role  platen.Role
	Scope Scope
}

// accesses say who may do what, for each action. The zero row is the strictest,
// so an action without one is for admins alone.
var accesses = map[Action]Access{
	Handshake: {platen.Viewer, NoKind},
	Version:   {platen.Viewer, NoKind},
	Login:     {0, NoKind}, // checks credentials itself

	Entities:     {platen.Viewer, OwnKind},
	Children:     {platen.Viewer, OwnKind},
	Contents:     {platen.Viewer, OwnKind},
	ReadList:     {platen.Viewer, OwnKind},
	ReplaceList:  {platen.Editor, OwnKind},
	MergeLists:   {platen.Editor, OwnKind},
	Delete:       {platen.Editor, WholeSet},
	PageDetails:  {platen.Viewer, OwnAndItem},
	RecordOfItem: {platen.Viewer, OwnKind},

	AddRecords:    {platen.Editor, OwnKind},
	ReadRecord:    {platen.Viewer, OwnKind},
	ReadRecords:   {platen.Viewer, OwnKind},
	QueryRecords:  {platen.Viewer, OwnKind}, // a POST that reads
	UpdateRecord:  {platen.Editor, OwnKind},
	UpdateRecords: {platen.Editor, OwnKind},

	FindEntities:   {platen.Viewer, AskedKinds}, // a PUT that reads
	ReadStatistics: {platen.Viewer, WholeSet},

	CreateStructure: {platen.Editor, EveryKind},
	CreateDefault:   {platen.Editor, EveryKind},
	CreatePreset:    {platen.Editor, EveryKind},
	Operations:      {platen.Viewer, NoKind},
	Progress:        {platen.Viewer, NoKind},
	Result:          {platen.Viewer, NoKind}, // a POST that reads: the operation is not forgotten by it
	Cancel:          {platen.Editor, EveryKind},

	Import: {platen.Editor, WholeSet},
	Export: {platen.Viewer, WholeSet},

	ListEntities:   {platen.Viewer, AskedKinds},
	ReadEntity:     {platen.Viewer, AskedKinds},
	DeleteEntity:   {platen.Editor, AskedKinds},
	EntityChildren: {platen.Viewer, NoKind},
	EntityPages:    {platen.Viewer, AskedKinds},
	Undelete:       {platen.Editor, EveryKind},
	ListDeleted:    {platen.Viewer, NoKind},
	EntityHistory:  {platen.Viewer, AskedKinds},
	ReadListAt:     {platen.Viewer, AskedKinds},
	ReadChange:     {platen.Viewer, EveryKind},
	RevertChange:   {platen.Editor, EveryKind},
	ReadEvents:     {platen.Viewer, EveryKind},
	UpdateMany:     {platen.Editor, AskedKinds},
	ReadServer:     {platen.Admin, NoKind},
	ReadIntake:     {platen.Viewer, EveryKind},

	ListRequests:   {platen.Admin, EveryKind}, // of all users, with their bodies
	CountRequests:  {platen.Admin, EveryKind},
	DeleteRequests: {platen.Admin, EveryKind},
	ReadRequest:    {platen.Admin, EveryKind},
	DeleteRequest:  {platen.Admin, EveryKind},
	RequestAsCurl:  {platen.Admin, EveryKind},

	ListWebhooks:    {platen.Admin, EveryKind},
	AddWebhook:      {platen.Admin, EveryKind},
	DescribeWebhook: {platen.Admin, EveryKind},
	ChangeWebhook:   {platen.Admin, EveryKind},
	RemoveWebhook:   {platen.Admin, EveryKind},
	ListAttempts:    {platen.Admin, EveryKind},
	TestWebhook:     {platen.Admin, EveryKind},
	ReplayWebhook:   {platen.Admin, EveryKind},
	RotateWebhook:   {platen.Admin, EveryKind},

	ListOperations:  {platen.Viewer, NoKind},
	ReadOperation:   {platen.Viewer, NoKind},
	CancelOperation: {platen.Editor, EveryKind},

	ReadMe:         {platen.Viewer, NoKind},
	ChangePassword: {platen.Viewer, NoKind}, // the caller's own, with the old one
	ListUsers:      {platen.Admin, EveryKind},
	AddUser:        {platen.Admin, EveryKind},
	DescribeUser:   {platen.Admin, EveryKind},
	ChangeUser:     {platen.Admin, EveryKind},
	RemoveUser:     {platen.Admin, EveryKind},
	ListTokens:     {platen.Viewer, EveryKind}, // the caller's own; of others: an admin
	AddToken:       {platen.Viewer, EveryKind},
	DescribeToken:  {platen.Viewer, EveryKind},
	ChangeToken:    {platen.Viewer, EveryKind},
	RemoveToken:    {platen.Viewer, EveryKind},

	ListRules:    {platen.Admin, EveryKind},
	AddRule:      {platen.Admin, EveryKind},
	DescribeRule: {platen.Admin, EveryKind},
	ChangeRule:   {platen.Admin, EveryKind},
	RemoveRule:   {platen.Admin, EveryKind},
	PreviewRule:  {platen.Admin, EveryKind},

	ListViews:    {platen.Viewer, NoKind},
	AddView:      {platen.Viewer, NoKind}, // a shared one needs an editor: the handler checks it
	DescribeView: {platen.Viewer, NoKind},
	ReplaceView:  {platen.Viewer, NoKind}, // of others: an admin
	RemoveView:   {platen.Viewer, NoKind},

	ListNames:       {platen.Viewer, AskedKinds},
	DescribeSandbox: {platen.Admin, EveryKind},
	ResetSandbox:    {platen.Admin, EveryKind},
	TakeSnapshot:    {platen.Admin, EveryKind},
	RemoveSnapshot:  {platen.Admin, EveryKind},
	ReadClock:       {platen.Admin, EveryKind},
	SetClock:        {platen.Admin, EveryKind},
	ListFaults:      {platen.Admin, EveryKind},
	ReplaceFaults:   {platen.Admin, EveryKind},
	AddFault:        {platen.Admin, EveryKind},
	RemoveFaults:    {platen.Admin, EveryKind},
	DescribeFault:   {platen.Admin, EveryKind},
	RemoveFault:     {platen.Admin, EveryKind},
	AddInstance:     {platen.Admin, EveryKind},
	RemoveInstance:  {platen.Admin, EveryKind},
}

// Access returns what a caller needs for the route.
func (r Route) Access() Access {
	access, ok := accesses[r.Action]
	if !ok {
		return Access{platen.Admin, EveryKind}
	}
	return access
}

// everyKind has all kinds.
var everyKind = func() (set platen.KindSet) {
	for _, s := range services {
		set |= platen.KindsOf(s.kind)
	}
	return set
}()

// Kinds returns the kinds that a token which is restricted to some needs for the
// route. For AskedKinds it is none: the handler knows more.
func (r Route) Kinds() platen.KindSet {
	switch r.Access().Scope {
	case NoKind, AskedKinds:
		return 0
	case OwnKind:
		return platen.KindsOf(r.Kind)
	case OwnAndItem:
		return platen.KindsOf(r.Kind, platen.ContentItem)
	case WholeSet:
		return KindsWithin(r.Kind)
	}
	return everyKind
}

// KindsWithin returns a kind with all that its entities contain: of pages the
// content items, and of these the data records.
func KindsWithin(kind platen.Kind) (set platen.KindSet) {
	for kind != 0 {
		set |= platen.KindsOf(kind)
		switch child := kind.Info().Child; {
		case kind == platen.Document:
			kind = platen.ContentItem
		case kind == platen.ContentItem:
			kind = platen.DataRecord
		default:
			kind = child
		}
	}
	return set
}

// Kinds returns the kinds that the listing looks into.
func (l *Listing) Kinds() platen.KindSet {
	return platen.KindsOf(l.Kind) | kindsOfRule(&l.Rule) | kindsOfFacet(l.Order.Facet)
}

// KindsOfSearch returns the kinds that a search looks into.
func KindsOfSearch(search *platen.Search) platen.KindSet {
	set := platen.KindsOf(search.Kind)
	for _, key := range append(search.Sort[:len(search.Sort):len(search.Sort)], search.Group...) {
		set |= kindsOfFacet(key.Facet)
	}
	return set | kindsOfRule(&search.Rule)
}

func kindsOfRule(rule *platen.Rule) (set platen.KindSet) {
	if rule.Type == platen.Text {
		set = kindsOfFacet(rule.Facet)
	}
	for i := range rule.Rules {
		set |= kindsOfRule(&rule.Rules[i])
	}
	return set
}

// kindsOfFacet returns whose lists a search looks into, if not those of the kind
// that it is for.
func kindsOfFacet(facet platen.Facet) platen.KindSet {
	if facet == platen.Fields {
		return platen.KindsOf(platen.DataRecord)
	}
	return 0
}
