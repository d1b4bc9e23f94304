package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// readyWithin bounds how long a server may take to say that it is ready.
const readyWithin = 5 * time.Second

func readyCommand(env environment) *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Ask a server whether it is ready",
		Long: `ready asks a server whether it is ready to take requests (/readyz). The exit code
is 0 if it is, and 1 if it is not, or does not answer within 5 seconds: for
health checks where there is no curl, such as in the image for containers.`,
		Example: "  platen ready --server http://127.0.0.1:9340",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			request, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, strings.TrimSuffix(server, "/")+"/readyz", nil)
			if err != nil {
				return usageError{fmt.Errorf("--server: %w", err), "platen ready"}
			}
			asking := http.Client{Timeout: readyWithin}
			response, err := asking.Do(request)
			if distrusted(err) {
				return err
			}
			if err != nil {
				return fmt.Errorf("%w; does the server run? platen ready --server ADDRESS asks another one", err)
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
			if err != nil {
				return err
			}
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("%s is not ready: %s: %s", server, response.Status, answer)
			}
			_, err = fmt.Fprintln(env.stdout, server, "is ready")
			return err
		},
	}
	cmd.Flags().StringVar(&server, "server", "http://"+defaultListen, "address of the server")
	return cmd
}
