// Package webpage has what all pages for people have in common.
package webpage

import "net/http"

// SetHeaders sets the headers of a page or one of its files, with the policy of what
// the page may load.
func SetHeaders(header http.Header, contentType, policy, cacheControl string) {
	header.Set("Content-Type", contentType)
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", cacheControl)
}
