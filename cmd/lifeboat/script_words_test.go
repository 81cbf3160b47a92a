package main

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
)

func codeOf(err error) string {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return "0"
	case errors.As(err, &ended):
		return strconv.Itoa(ended.ExitCode())
	}
	return err.Error()
}

func splitLines(text string) []string { return strings.Split(text, "\n") }
