package wsman

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"time"
)

// dispatch performs one operation. [MS-WSMV] 3.1.4.
func (s *Server) dispatch(ctx context.Context, r *request, user string, c *connection) ([]byte, *fault) {
	if r.Body.Identify != nil {
		return identifyAnswer(true), nil
	}
	action := r.Header.Action
	resource := r.Header.ResourceURI
	if resource != shellCmd && resource != nsShell {
		return nil, faultResource
	}
	if action == nsTransfer+"/Create" {
		return s.create(r, user, c)
	}
	id := pick(r.Header.Selectors, "ShellId")
	sh := s.shell(id)
	if sh == nil {
		return nil, faultShell(id)
	}
	if sh.owner != user {
		return nil, faultAccess
	}
	if !sh.enter(c) {
		return nil, faultShell(id)
	}
	defer sh.leave()
	switch action {
	case nsTransfer + "/Get":
		return answer(r, action+"Response", sh.describe()), nil
	case nsTransfer + "/Delete":
		sh.end()
		return answer(r, action+"Response", ""), nil
	case nsShell + "/Command":
		return s.command(r, sh)
	case nsShell + "/Send":
		return send(r, sh)
	case nsShell + "/Receive":
		return s.receive(ctx, r, sh)
	case nsShell + "/Signal":
		return signal(r, sh)
	}
	return nil, faultAction
}

func (s *Server) shell(id string) *shell {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shells[strings.ToUpper(id)]
}

func (s *Server) create(r *request, user string, c *connection) ([]byte, *fault) {
	b := r.Body.Shell
	if b == nil || r.Header.ResourceURI != shellCmd {
		return nil, faultSchema
	}
	idle := defaultIdle
	if text := strings.TrimSpace(b.IdleTimeOut); text != "" {
		d, ok := parseSeconds(text)
		if !ok || d <= 0 {
			return nil, faultSchema
		}
		idle = d
	}
	client, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	sh := newShell(s, user, client, idle)
	s.mu.Lock()
	n := 0
	for _, other := range s.shells {
		if other.owner == user {
			n++
		}
	}
	if n >= s.opts.MaxShells || s.down {
		s.mu.Unlock()
		sh.end()
		return nil, faultShells(s.opts.MaxShells)
	}
	s.shells[sh.id] = sh
	s.mu.Unlock()
	if sh.enter(c) {
		sh.leave() // from here the idle time runs
	}
	created := fmt.Sprintf(`<x:ResourceCreated><a:Address>%s</a:Address><a:ReferenceParameters><w:ResourceURI>%s</w:ResourceURI><w:SelectorSet><w:Selector Name="ShellId">%s</w:Selector></w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>`,
		escape(strings.TrimSpace(r.Header.To)), shellCmd, sh.id)
	return answer(r, r.Header.Action+"Response", created+sh.describe()), nil
}

func (s *Server) command(r *request, sh *shell) ([]byte, *fault) {
	b := r.Body.CommandLine
	if b == nil {
		return nil, faultSchema
	}
	if s.operations(sh.owner) >= maxOperations {
		return nil, faultOperations
	}
	line := strings.TrimSpace(b.Command)
	for _, a := range b.Arguments {
		line += " " + strings.TrimSpace(a)
	}
	id := strings.ToUpper(b.CommandID)
	if id == "" {
		id = newGUID()
	}
	// Microsoft's default of WINRS_CONSOLEMODE_STDIN is TRUE. [MS-WSMV] 3.1.4.11.
	console := !strings.EqualFold(pick(r.Header.Options, "WINRS_CONSOLEMODE_STDIN"), "FALSE")
	if f := sh.run(id, line, console); f != nil {
		return nil, f
	}
	return answer(r, r.Header.Action+"Response", "<rsp:CommandResponse><rsp:CommandId>"+escape(id)+"</rsp:CommandId></rsp:CommandResponse>"), nil
}

// operations counts commands not ended by a Signal, and waiting Receives.
func (s *Server) operations(user string) int {
	s.mu.Lock()
	n := s.receives[user]
	var mine []*shell
	for _, sh := range s.shells {
		if sh.owner == user {
			mine = append(mine, sh)
		}
	}
	s.mu.Unlock()
	for _, sh := range mine {
		n += sh.unended()
	}
	return n
}

func send(r *request, sh *shell) ([]byte, *fault) {
	if r.Body.Send == nil {
		return nil, faultSchema
	}
	for _, st := range r.Body.Send.Streams {
		cmd := sh.find(st.CommandID)
		if cmd == nil || st.Name != "stdin" {
			return nil, faultParameter
		}
		data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(st.Data), ""))
		if err != nil {
			return nil, faultSchema
		}
		if cmd.finished() {
			return nil, faultPipe
		}
		if _, err := cmd.process.Write(data); err != nil {
			return nil, faultPipe
		}
		if strings.EqualFold(st.End, "true") || st.End == "1" {
			cmd.process.CloseStdin()
		}
	}
	return answer(r, r.Header.Action+"Response", "<rsp:SendResponse/>"), nil
}

func signal(r *request, sh *shell) ([]byte, *fault) {
	if r.Body.Signal == nil {
		return nil, faultSchema
	}
	cmd := sh.find(r.Body.Signal.CommandID)
	if cmd == nil {
		return nil, faultParameter
	}
	switch code := strings.ToLower(strings.TrimSpace(r.Body.Signal.Code)); {
	case strings.HasSuffix(code, "/terminate"), strings.HasSuffix(code, "/exit"):
		sh.remove(cmd)
	case strings.HasSuffix(code, "/ctrl_c"), strings.HasSuffix(code, "/ctrl_break"):
		// Without a console there is nobody to press Ctrl+C.
		if cmd.console {
			cmd.process.Kill()
		}
	default:
		return nil, faultParameter
	}
	return answer(r, r.Header.Action+"Response", "<rsp:SignalResponse/>"), nil
}

func (s *Server) receive(ctx context.Context, r *request, sh *shell) ([]byte, *fault) {
	if r.Body.Receive == nil {
		return nil, faultSchema
	}
	cmd := sh.find(r.Body.Receive.Desired.CommandID)
	if cmd == nil {
		return nil, faultParameter
	}
	if s.operations(sh.owner) >= maxOperations {
		return nil, faultOperations
	}
	s.mu.Lock()
	s.receives[sh.owner]++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.receives[sh.owner]--
		s.mu.Unlock()
	}()
	limit := 110 << 10
	if size := r.Header.MaxEnvelopeSize; size > 0 {
		limit = min(limit, max(1024, (size-6144)*3/4))
	}
	body, f := cmd.receive(ctx, r.Header.MessageID, limit, time.Now().Add(r.timeout()))
	if f != nil {
		return nil, f
	}
	return answer(r, r.Header.Action+"Response", body), nil
}
