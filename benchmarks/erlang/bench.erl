%% Runs one workload: erl -s bench main -extra WORKLOAD PARAMETERS WARM_UP
%%
%% PARAMETERS and WARM_UP are written as name=number,name=number. What is printed:
%%   value NAME NUMBER      a metric, in seconds, bytes or 1/seconds
%%   failed REASON          what came out was wrong
%%   unsupported REASON     Erlang has nothing of the kind
%%
%% A workload is a function of the same name in bench_feel or bench_savina. It takes a map of
%% parameters, checks what comes out by matching, and returns a list of {Name, Value}.
-module(bench).
-export([main/0, timed/1, gather/1]).

main() ->
    spawn(fun() ->
        [Name, Parameters, WarmUp] = init:get_plain_arguments(),
        try run(list_to_atom(Name), parse(Parameters), parse(WarmUp)) of
            Values -> [io:format("value ~s ~w~n", [N, float(V)]) || {N, V} <- Values]
        catch
            throw:{unsupported, Reason} -> io:format("unsupported ~s~n", [Reason]);
            _:Reason -> io:format("failed ~0p~n", [Reason])
        end,
        halt(0)
    end).

run(Name, Parameters, WarmUp) ->
    {module, _} = code:ensure_loaded(bench_feel),
    {module, _} = code:ensure_loaded(bench_savina),
    Module = case {erlang:function_exported(bench_feel, Name, 1),
                   erlang:function_exported(bench_savina, Name, 1)} of
        {true, _} -> bench_feel;
        {_, true} -> bench_savina;
        _ -> throw({unsupported, "it has no such thing"})
    end,
    map_size(WarmUp) > 0 andalso in_fresh_process(Module, Name, WarmUp),
    in_fresh_process(Module, Name, Parameters).

%% With a heap and a mailbox of its own, and an end that takes linked processes with it.
in_fresh_process(Module, Name, Parameters) ->
    {_, Monitor} = spawn_monitor(fun() -> exit({done, Module:Name(Parameters)}) end),
    receive
        {'DOWN', Monitor, process, _, {done, Values}} -> Values;
        {'DOWN', Monitor, process, _, Reason} -> error(Reason)
    end.

parse(Text) ->
    maps:from_list([
        begin
            [Name, Value] = string:split(Pair, "="),
            {list_to_atom(Name), list_to_integer(Value)}
        end
        || Pair <- string:lexemes(Text, ",")
    ]).

%% {Seconds, Result} of a function.
timed(Function) ->
    Before = erlang:monotonic_time(nanosecond),
    Result = Function(),
    {(erlang:monotonic_time(nanosecond) - Before) / 1.0e9, Result}.

%% One message of the form {done, Value} from each of some processes, added up.
gather(0) -> 0;
gather(Missing) ->
    receive {done, Value} -> Value + gather(Missing - 1) end.
