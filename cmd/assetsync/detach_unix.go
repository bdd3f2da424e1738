//go:build !windows

package main

import "syscall"

// detached are the attributes of a process that ends neither with this one nor
// with its terminal: it has a session of its own.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
