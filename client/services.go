package client

import (
	"context"
	"net/http"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A Service is a part of the API, by the name that it has in its handshake.
type Service string

// The services that serve no kind of entity. Those that do are named by
// [ServiceOf].
const (
	AuthenticationService Service = "AuthenticationRestService"
	EntityService         Service = "EntityRestService"
	JobCreationService    Service = "JobCreationRestService"
)

// ServiceOf returns the service of a kind, such as JobEntityRestService; "" if
// no service serves it.
func ServiceOf(kind platen.Kind) Service { return Service(olrest.ServiceOf(kind)) }

// Services returns all services of the API that this client knows.
func Services() []Service {
	names := olrest.Services()
	list := make([]Service, len(names))
	for i, name := range names {
		list[i] = Service(name)
	}
	return list
}

// Version returns the version of the API that the server speaks, such as
// 2025.2.0. (Authentication Service, version)
func (c *Client) Version(ctx context.Context) (string, error) {
	return decoded(ctx, c, newRequest(olrest.Version, 0, 0), olrest.ReadText)
}

// ServiceVersion returns the version that one service speaks. (each service,
// version)
func (c *Client) ServiceVersion(ctx context.Context, service Service) (string, error) {
	route, err := olrest.FindVersion(string(service))
	return decoded(ctx, c, &request{route: route, path: route.Path, err: err}, olrest.ReadText)
}

// Handshake fails if a service is not there. It also tells whether the
// credentials are good. (each service, handshake)
func (c *Client) Handshake(ctx context.Context, service Service) error {
	route, err := olrest.FindService(string(service))
	return c.do(ctx, &request{route: route, path: route.Path, err: err}, func(response *http.Response) error {
		return olrest.ReadHandshake(response.Body)
	})
}
