package expr

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"bartizan/filters"
	"bartizan/filters/recall"
)

// stringsVersion pins the strings extension, so that an update of the library does not add functions unseen.
const stringsVersion = 5

// Env is what an expression of one surface may name: identity, request, llm or mcp, block, call (llm), response, and the variables of its policy.
type Env struct {
	surface   filters.Surface
	schema    *schema
	calls     *calls
	base      *cel.Env    // without variables
	cel       *cel.Env    // with them
	variables []*Program  // in the order of their declaration
	variable  *objectType // the type of variables
}

// NewEnv returns the environment of policies of a surface, without variables.
func NewEnv(surface filters.Surface) (*Env, error) {
	if surface != filters.SurfaceLLM && surface != filters.SurfaceMCP {
		return nil, fmt.Errorf("no expressions for surface %q", surface)
	}
	return environment(surface)
}

// Remember makes what is found in blocks be looked up in m, and kept there. It must come before the first evaluation.
func (e *Env) Remember(m *recall.Memory) { e.schema.memory = m }

// NewCallerEnv returns the environment of expressions about who calls, before a body is read: they may name identity and request.
func NewCallerEnv() (*Env, error) { return environment("") }

func environment(surface filters.Surface) (*Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("make the CEL type registry: %w", err)
	}
	s := newSchema(registry)
	e := &Env{surface: surface, schema: s}
	known := &provider{Provider: registry, objects: map[string]*objectType{}}
	for _, t := range s.types() {
		known.objects[t.celType.TypeName()] = t
	}
	options := append(language(),
		cel.CustomTypeProvider(known), cel.CustomTypeAdapter(registry),
		cel.Variable("identity", s.identity.celType), cel.Variable("request", s.request.celType))
	for name, t := range s.roots(surface) {
		options = append(options, cel.Variable(name, t.celType))
	}
	e.base, err = cel.NewCustomEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("make the CEL environment of %s: %w", surface, err)
	}
	if e.calls, err = newCalls(e.base); err != nil {
		return nil, fmt.Errorf("price the functions of %s: %w", surface, err)
	}
	return e.with(nil)
}

// roots are the variables that only expressions about a surface have.
func (s *schema) roots(surface filters.Surface) map[string]*objectType {
	switch surface {
	case filters.SurfaceLLM:
		return map[string]*objectType{"llm": s.llm, "block": s.block, "call": s.call, "response": s.answer}
	case filters.SurfaceMCP:
		return map[string]*objectType{"mcp": s.mcp, "block": s.block, "response": s.response}
	}
	return nil
}

// language is CEL itself: functions, macros and the limits of parsing.
func language() []cel.EnvOption {
	return []cel.EnvOption{
		cel.StdLib(), ext.Strings(ext.StringsVersion(stringsVersion)), withoutFormat(),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.EagerlyValidateDeclarations(true),
		cel.ParserExpressionSizeLimit(MaxExpression), cel.ParserRecursionLimit(MaxRecursion), cel.ExpressionNodeLimit(MaxNodes),
		cel.RegexProgramSizeLimit(MaxRegexProgram), cel.ParserErrorRecoveryLimit(4), cel.CostModel(models()...),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(),
			cel.ValidateRegexProgramSizeLimit(MaxRegexProgram), cel.ValidateComprehensionNestingLimit(MaxComprehensions)),
	}
}

// withoutFormat takes format back out of the strings extension: it has no price, whatever the length of what it writes.
func withoutFormat() cel.EnvOption {
	return cel.Function("format", cel.MemberOverload("string_format", []*types.Type{types.StringType, types.NewListType(types.DynType)},
		types.StringType), cel.DisableDeclaration(true))
}

func (s *schema) types() []*objectType {
	return []*objectType{s.identity, s.claimed, s.request, s.llm, s.tool, s.declaration, s.block, s.mcp, s.mcpTool, s.mcpCall, s.cause, s.annotations, s.response, s.answer, s.call}
}

// objectTypes are the types of all objects that an expression can name.
func (e *Env) objectTypes() []*objectType { return append(e.schema.types(), e.variable) }

// Declare returns an environment that knows variables.name besides: the value of p, evaluated at most once per exchange (or per block,
// if it reads block), when an expression first reads it. Variables that are declared later may use it. The name must be a CEL identifier and new.
func (e *Env) Declare(name string, p *Program) (*Env, error) {
	if _, twice := e.variable.index[name]; twice {
		return nil, fmt.Errorf("declare variables.%s: it is there already", name)
	}
	next := *e
	next.variables = append(slices.Clip(e.variables), p)
	at := len(e.variable.fields)
	read := func(o *object) ref.Val { return o.value.(*Activation).variable(at, p) }
	f := field{name: name, typ: p.out, size: sizeOf(p.out), get: read, known: p.vocabulary()}
	return next.with(append(slices.Clip(e.variable.fields), f))
}

// with builds the environment with these variables.
func (e *Env) with(fields []field) (*Env, error) {
	base := e.variable
	e.variable = newObjectType("Variables", fields...)
	e.variable.base = base
	known := e.base.CELTypeProvider()
	withVariables := &provider{Provider: known, objects: map[string]*objectType{e.variable.celType.TypeName(): e.variable}}
	var err error
	e.cel, err = e.base.Extend(cel.CustomTypeProvider(withVariables), cel.Variable("variables", e.variable.celType))
	if err != nil {
		return nil, fmt.Errorf("declare the variables of a policy: %w", err)
	}
	return e, nil
}
