package winrm

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/masterzen/winrm/soap"
)

const (
	resourceShell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
	actionCreate  = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create"
	actionDelete  = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete"
	actionShell   = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"
	terminate     = actionShell + "signal/terminate"
	stateDone     = actionShell + "CommandState/Done"
	// envelopeSize is what every host since Windows Server 2008 R2 accepts
	// (MaxEnvelopeSizekb, learn.microsoft.com/windows/win32/winrm/quotas).
	envelopeSize = 153600
	// sendSize is how much input fits one envelope after base64.
	sendSize = 96 << 10
)

// message is a SOAP request that can be sent again as it is: the same id asks
// for the same answer.
type message struct {
	id   string
	text string
}

// begin starts a message; body fills what follows the header.
func (s *shell) begin(action string, body func(m *soap.SoapMessage), options ...[2]string) message {
	id := "uuid:" + strings.ToUpper(uuid.NewString())
	m := soap.NewMessage()
	h := m.Header().To(s.wires.url).
		ReplyTo("http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous").
		MaxEnvelopeSize(envelopeSize).Id(id).Locale("en-US").
		Timeout(isoSeconds(s.wires.times.operation)).
		Action(action).ResourceURI(resourceShell)
	if s.id != "" {
		h.ShellId(s.id)
	}
	for _, o := range options {
		h.AddOption(soap.NewHeaderOption(o[0], o[1]))
	}
	h.Build()
	body(m)
	return message{id, m.String()}
}

func (s *shell) createMessage() message {
	return s.begin(actionCreate, func(m *soap.SoapMessage) {
		body := m.CreateBodyElement("Shell", soap.DOM_NS_WIN_SHELL)
		// A shell whose engine died goes after five minutes, not two hours
		// (MS-WSMV 2.2.4.22, IdleTimeOut).
		m.CreateElement(body, "IdleTimeOut", soap.DOM_NS_WIN_SHELL).SetContent("PT300S")
		m.CreateElement(body, "InputStreams", soap.DOM_NS_WIN_SHELL).SetContent("stdin")
		m.CreateElement(body, "OutputStreams", soap.DOM_NS_WIN_SHELL).SetContent("stdout stderr")
	}, [2]string{"WINRS_NOPROFILE", "TRUE"}, [2]string{"WINRS_CODEPAGE", "65001"})
}

// commandMessage starts a program with a pipe as its input: with a console the
// host would echo every frame. The line holds base64 and switches only.
func (s *shell) commandMessage(line string) message {
	return s.begin(actionShell+"Command", func(m *soap.SoapMessage) {
		body := m.CreateBodyElement("CommandLine", soap.DOM_NS_WIN_SHELL)
		m.CreateElement(body, "Command", soap.DOM_NS_WIN_SHELL).SetContent(line)
	}, [2]string{"WINRS_CONSOLEMODE_STDIN", "FALSE"}, [2]string{"WINRS_SKIP_CMD_SHELL", "FALSE"})
}

func (s *shell) sendMessage(input []byte) message {
	return s.begin(actionShell+"Send", func(m *soap.SoapMessage) {
		body := m.CreateBodyElement("Send", soap.DOM_NS_WIN_SHELL)
		stream := m.CreateElement(body, "Stream", soap.DOM_NS_WIN_SHELL)
		stream.SetAttr("Name", "stdin")
		stream.SetAttr("CommandId", s.command)
		stream.SetContent(base64.StdEncoding.EncodeToString(input))
	})
}

func (s *shell) receiveMessage() message {
	return s.begin(actionShell+"Receive", func(m *soap.SoapMessage) {
		body := m.CreateBodyElement("Receive", soap.DOM_NS_WIN_SHELL)
		stream := m.CreateElement(body, "DesiredStream", soap.DOM_NS_WIN_SHELL)
		stream.SetAttr("CommandId", s.command)
		stream.SetContent("stdout stderr")
	})
}

func (s *shell) signalMessage() message {
	return s.begin(actionShell+"Signal", func(m *soap.SoapMessage) {
		body := m.CreateBodyElement("Signal", soap.DOM_NS_WIN_SHELL)
		body.SetAttr("CommandId", s.command)
		m.CreateElement(body, "Code", soap.DOM_NS_WIN_SHELL).SetContent(terminate)
	})
}

func (s *shell) deleteMessage() message {
	return s.begin(actionDelete, func(m *soap.SoapMessage) { m.NewBody() })
}

// reply is every answer of the wire; which members are set depends on the
// request.
type reply struct {
	XMLName   xml.Name   `xml:"http://www.w3.org/2003/05/soap-envelope Envelope"`
	RelatesTo string     `xml:"Header>RelatesTo"`
	Selectors []selector `xml:"Body>ResourceCreated>ReferenceParameters>SelectorSet>Selector"`
	ShellID   string     `xml:"Body>Shell>ShellId"`
	CommandID string     `xml:"Body>CommandResponse>CommandId"`
	Streams   []stream   `xml:"Body>ReceiveResponse>Stream"`
	States    []state    `xml:"Body>ReceiveResponse>CommandState"`
	Fault     *soapFault `xml:"Body>Fault"`
}

type selector struct {
	Name  string `xml:"Name,attr"`
	Value string `xml:",chardata"`
}

type stream struct {
	Name string `xml:"Name,attr"`
	Text string `xml:",chardata"`
}

type state struct {
	State    string `xml:"State,attr"`
	ExitCode string `xml:"ExitCode"`
}

type soapFault struct {
	Code    string `xml:"Code>Value"`
	Subcode string `xml:"Code>Subcode>Value"`
	Reason  string `xml:"Reason>Text"`
	Detail  struct {
		Code    string `xml:"Code,attr"`
		Message struct {
			Text     string `xml:",chardata"`
			Provider string `xml:"ProviderFault"`
		} `xml:"Message"`
	} `xml:"Detail>WSManFault"`
}

// Fault is a SOAP fault: the host's WinRM service refused a message.
type Fault struct {
	// Code is WSManFault's number, which is the same in every language.
	Code uint32
	// Subcode is the WS-Management word ("w:QuotaLimit").
	Subcode string
	// Reason is text in the host's language: to be shown, not compared.
	Reason string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("WinRM fault %d (%s): %s", f.Code, f.Subcode, f.Reason)
}

// Codes of faults (windows-sys, ERROR_WSMAN_*; MS-WSMV 2.2.4.43).
const (
	faultTimedOut     = 2150858793
	faultNoShell      = 2150858843
	faultMaxShells    = 2150859173
	faultMaxCommands  = 2150859174
	faultMaxUsers     = 2150859179
	faultPluginFirst  = 2150859236
	faultPluginLast   = 2150859241
	faultAccessDenied = 5
	faultAccessHR     = 2147942405
)

func parseReply(text []byte) (*reply, error) {
	var r reply
	if err := xml.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("the answer is not a SOAP envelope: %w", err)
	}
	if r.Fault == nil {
		return &r, nil
	}
	f := &Fault{Subcode: strings.TrimSpace(r.Fault.Subcode), Reason: strings.TrimSpace(r.Fault.Reason)}
	if code, err := strconv.ParseUint(r.Fault.Detail.Code, 10, 32); err == nil {
		f.Code = uint32(code)
	}
	if p := strings.TrimSpace(r.Fault.Detail.Message.Provider); p != "" {
		f.Reason = p
	} else if f.Reason == "" {
		f.Reason = strings.TrimSpace(r.Fault.Detail.Message.Text)
	}
	return &r, f
}

// shellID is where hosts say it: as a selector, as an element, or both.
func (r *reply) shellID() string {
	for _, s := range r.Selectors {
		if s.Name == "ShellId" {
			return strings.TrimSpace(s.Value)
		}
	}
	return strings.TrimSpace(r.ShellID)
}

// output decodes the streams by name, and says whether the program ended.
func (r *reply) output() (stdout, stderr []byte, done bool, err error) {
	for _, s := range r.Streams {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s.Text), ""))
		if err != nil {
			return nil, nil, false, errors.New("the answer's stream is not base64")
		}
		if s.Name == "stdout" {
			stdout = append(stdout, raw...)
		} else {
			stderr = append(stderr, raw...)
		}
	}
	for _, s := range r.States {
		done = done || s.State == stateDone
	}
	return stdout, stderr, done, nil
}
