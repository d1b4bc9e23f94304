//go:build !windows

package main

// runAsService reports that Windows did not start the process as a service.
func runAsService() bool { return false }
