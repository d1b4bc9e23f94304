package main

import "runtime"

// heapReserve is how many bytes of garbage may pile up however little memory
// is in use. The collector starts when the heap has doubled, which with the
// few megabytes of a small server is many times a second under load.
const heapReserve = 32 << 20

// reserveHeap makes the garbage collector wait for heapReserve, until release
// is called. It allocates as much and never touches it, so that this takes
// address space but no memory.
func reserveHeap() (release func()) {
	reserve := make([]byte, heapReserve)
	return func() { runtime.KeepAlive(reserve) }
}
