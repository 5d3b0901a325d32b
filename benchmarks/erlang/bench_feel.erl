%% What users feel, and the curves.
-module(bench_feel).
-export([tell/1, ask/1, outstanding_asks/1, start_stop/1, latency/1, idle_memory/1]).
-export([ask_from_actor/1, ask_with_timeout/1, ask_busy/1, latency_crowded/1, sleepers/1]).
-export([two_cores/1, start/1, start_and_tell/1, million/1]).
-export([many_actors/1, many_senders/1, message_size/1]).

tell(#{messages := Messages}) ->
    Me = self(),
    Sink = spawn_link(fun() -> sink(Me, Messages - 1, 0) end),
    {Seconds, Messages} = bench:timed(fun() ->
        send_each(Sink, 0, Messages),
        receive {handled, Count} -> Count end
    end),
    [{rate, Messages / Seconds}].

sink(Main, Last, Count) ->
    receive
        Last -> Main ! {handled, Count + 1};
        _ -> sink(Main, Last, Count + 1)
    end.

send_each(_, Messages, Messages) -> ok;
send_each(To, Number, Messages) ->
    To ! Number,
    send_each(To, Number + 1, Messages).

ask(#{asks := Asks}) ->
    Echo = spawn_link(fun echo/0),
    {Seconds, Answers} = bench:timed(fun() -> [call(Echo, N) || N <- lists:seq(1, Asks)] end),
    Answers = lists:seq(1, Asks),
    [{time, Seconds / Asks}].

echo() ->
    receive {ask, From, Reference, Message} ->
        From ! {Reference, Message},
        echo()
    end.

%% As gen_server does it: with a monitor, so that the asker learns if the other is dead.
call(To, Message) ->
    Reference = monitor(process, To),
    To ! {ask, self(), Reference, Message},
    receive
        {Reference, Answer} ->
            demonitor(Reference, [flush]),
            Answer;
        {'DOWN', Reference, process, _, Reason} ->
            error(Reason)
    end.

%% Whoever asks is a process, so this is the same as ask, but for one more process.
ask_from_actor(Parameters) ->
    Me = self(),
    spawn_link(fun() -> Me ! {values, ask(Parameters)} end),
    receive {values, Values} -> Values end.

ask_with_timeout(#{asks := Asks}) ->
    Echo = spawn_link(fun echo/0),
    {Seconds, Answers} = bench:timed(fun() ->
        [call(Echo, N, 60000) || N <- lists:seq(1, Asks)]
    end),
    Answers = lists:seq(1, Asks),
    [{time, Seconds / Asks}].

call(To, Message, Milliseconds) ->
    Reference = monitor(process, To),
    To ! {ask, self(), Reference, Message},
    receive
        {Reference, Answer} ->
            demonitor(Reference, [flush]),
            Answer;
        {'DOWN', Reference, process, _, Reason} ->
            error(Reason)
    after Milliseconds ->
        error(timeout)
    end.

ask_busy(#{asks := Asks}) ->
    Busy = spawn_link(fun busy/0),
    Busy ! again,
    {Seconds, Answers} = bench:timed(fun() -> [call(Busy, N) || N <- lists:seq(1, Asks)] end),
    Answers = lists:seq(1, Asks),
    unlink(Busy),
    exit(Busy, kill),
    [{time, Seconds / Asks}].

busy() ->
    receive
        again -> self() ! again;
        {ask, From, Reference, Message} -> From ! {Reference, Message}
    end,
    busy().

outstanding_asks(#{asks := Asks}) ->
    Echo = spawn_link(fun echo/0),
    Numbers = lists:seq(1, Asks),
    {Seconds, Answers} = bench:timed(fun() ->
        References = [
            begin
                Reference = make_ref(),
                Echo ! {ask, self(), Reference, N},
                Reference
            end
            || N <- Numbers
        ],
        [receive {Reference, Answer} -> Answer end || Reference <- References]
    end),
    Answers = Numbers,
    [{time, Seconds / Asks}].

start_stop(#{actors := Actors}) ->
    {Seconds, _} = bench:timed(fun() ->
        [
            begin
                {Actor, Monitor} = spawn_monitor(fun() -> receive stop -> ok end end),
                Actor ! stop,
                receive {'DOWN', Monitor, process, Actor, normal} -> ok end
            end
            || _ <- lists:seq(1, Actors)
        ]
    end),
    [{time, Seconds / Actors}].

start(#{actors := Actors}) ->
    {Seconds, Cells} = bench:timed(fun() -> start_many(Actors) end),
    Sum = Actors * (Actors - 1) div 2,
    Sum = ask_every(Cells),
    [{time, Seconds / Actors}].

start_many(Actors) -> [spawn(fun() -> cell(N) end) || N <- lists:seq(0, Actors - 1)].

ask_every(Cells) -> lists:sum([call(Cell, value) || Cell <- Cells]).

cell(Value) ->
    receive
        {ask, From, Reference, value} -> From ! {Reference, Value};
        {report, To} -> To ! {done, Value}
    end,
    cell(Value).

start_and_tell(#{actors := Actors}) ->
    Me = self(),
    {Seconds, Sum} = bench:timed(fun() ->
        [spawn(fun() -> cell(N) end) ! {report, Me} || N <- lists:seq(0, Actors - 1)],
        bench:gather(Actors)
    end),
    Sum = Actors * (Actors - 1) div 2,
    [{time, Seconds / Actors}].

million(#{actors := Actors}) ->
    garbage_collect(),
    Before = used(),
    {Seconds, Cells} = bench:timed(fun() -> start_many(Actors) end),
    Grown = used() - Before,
    {Asking, Sum} = bench:timed(fun() -> ask_every(Cells) end),
    Sum = Actors * (Actors - 1) div 2,
    [
        {total, Seconds}, {start, Seconds / Actors}, {ask, Asking / Actors},
        {memory, Grown / Actors}
    ].

sleepers(#{actors := Actors, milliseconds := Milliseconds}) ->
    Me = self(),
    Told = spawn_link(fun() -> told(Me) end),
    Sleepers = [spawn_link(fun() -> sleeper(Me) end) || _ <- lists:seq(1, Actors)],
    {Seconds, {Behind, Among}} = bench:timed(fun() ->
        [Sleeper ! {sleep, Milliseconds} || Sleeper <- Sleepers],
        First = erlang:monotonic_time(nanosecond),
        Told ! start,
        [receive {asleep, Sleeper} -> ok end || Sleeper <- Sleepers],
        Second = erlang:monotonic_time(nanosecond),
        Told ! start,
        Times = [receive {started, At} -> (At - From) / 1.0e9 end || From <- [First, Second]],
        [receive {awake, Sleeper} -> ok end || Sleeper <- Sleepers],
        list_to_tuple(Times)
    end),
    true = Seconds >= Milliseconds / 1000,
    [{behind, Behind}, {among, Among}, {done, Seconds}].

sleeper(Main) ->
    receive {sleep, Milliseconds} ->
        Main ! {asleep, self()},
        timer:sleep(Milliseconds),
        Main ! {awake, self()}
    end.

told(Main) ->
    receive start ->
        Main ! {started, erlang:monotonic_time(nanosecond)},
        told(Main)
    end.

two_cores(#{steps := Steps}) ->
    Me = self(),
    One = spawn_link(fun() -> worker(Me) end),
    Other = spawn_link(fun() -> worker(Me) end),
    Expected = compute(Steps, 1),
    Seconds = fun(Messages) ->
        {Taken, [Expected, Expected]} = bench:timed(fun() ->
            [To ! Message || {To, Message} <- Messages],
            [receive {computed, Value} -> Value end || _ <- [1, 2]]
        end),
        Taken
    end,
    InARow = Seconds([{One, {Steps, none}}, {One, {Steps, none}}]),
    Apart = Seconds([{One, {Steps, none}}, {Other, {Steps, none}}]),
    Within = Seconds([{One, {Steps, Other}}]),
    [{apart, InARow / Apart}, {within, InARow / Within}].

worker(Main) ->
    receive {Steps, Other} ->
        is_pid(Other) andalso (Other ! {Steps, none}),
        Main ! {computed, compute(Steps, 1)},
        worker(Main)
    end.

compute(0, Value) -> Value;
compute(Steps, Value) -> compute(Steps - 1, (Value * 75 + 74) rem 65537).

latency_crowded(#{pairs := Pairs, asks := Asks, milliseconds := Milliseconds}) ->
    latency(Pairs, Asks, Milliseconds).

latency(#{pairs := Pairs, asks := Asks}) -> latency(Pairs, Asks, 0).

latency(Pairs, Asks, Milliseconds) ->
    Me = self(),
    Throwers = [spawn_link(fun() -> thrower(Me) end) || _ <- lists:seq(1, Pairs)],
    Echo = spawn_link(fun echo/0),
    End = erlang:monotonic_time(millisecond) + Milliseconds,
    Times = lists:sort(time_asks(Echo, Asks, End, [])),
    [Thrower ! halt || Thrower <- Throwers],
    [
        receive {balls, Thrown, Caught} when Thrown =:= Caught, Thrown > 0 -> ok end
        || _ <- Throwers
    ],
    [{p50, percentile(Times, 50)}, {p99, percentile(Times, 99)}, {'p99.9', percentile(Times, 99.9)}].

time_asks(Echo, Asks, End, Earlier) ->
    Times = lists:foldl(
        fun(N, Found) ->
            {Seconds, N} = bench:timed(fun() -> call(Echo, N) end),
            [Seconds | Found]
        end,
        Earlier,
        lists:seq(1, Asks)
    ),
    case erlang:monotonic_time(millisecond) < End of
        true -> time_asks(Echo, Asks, End, Times);
        false -> Times
    end.

thrower(Main) ->
    Catcher = spawn_link(fun() -> catcher(0) end),
    Catcher ! self(),
    thrower(Main, Catcher, 1, false).

thrower(Main, Catcher, Thrown, Halted) ->
    receive
        halt -> thrower(Main, Catcher, Thrown, true);
        Caught when Halted -> Main ! {balls, Thrown, Caught};
        _ ->
            Catcher ! self(),
            thrower(Main, Catcher, Thrown + 1, Halted)
    end.

catcher(Caught) ->
    receive Thrower ->
        Thrower ! Caught + 1,
        catcher(Caught + 1)
    end.

percentile(Sorted, Percent) ->
    lists:nth(max(1, ceil(length(Sorted) * Percent / 100 - 1.0e-9)), Sorted).

idle_memory(#{actors := Actors}) ->
    start_idle(min(10, Actors)),
    garbage_collect(),
    Before = used(),
    start_idle(Actors),
    garbage_collect(),
    [{memory, (used() - Before) / Actors}].

start_idle(Actors) ->
    Started = [spawn_link(fun echo/0) || _ <- lists:seq(1, Actors)],
    [ok = call(Actor, ok) || Actor <- Started].

many_actors(#{actors := Actors}) ->
    Me = self(),
    garbage_collect(),
    Before = used(),
    {Seconds, Sum} = bench:timed(fun() ->
        Members = [
            begin
                Member = spawn_link(fun() -> member(Me) end),
                Member ! N,
                Member
            end
            || N <- lists:seq(0, Actors - 1)
        ],
        Heard = bench:gather(Actors),
        true = is_process_alive(hd(Members)),
        Heard
    end),
    Sum = Actors * (Actors - 1) div 2,
    [{time, Seconds / Actors}, {memory, (used() - Before) / Actors}].

member(Main) ->
    receive Number ->
        Main ! {done, Number},
        member(Main)
    end.

many_senders(#{senders := Senders, messages := Messages}) ->
    Share = Messages div Senders,
    Me = self(),
    {Seconds, ok} = bench:timed(fun() ->
        [spawn_link(fun() -> sender(Me, S, 0, Share) end) || S <- lists:seq(1, Senders)],
        receive_each(Share * Senders, maps:from_list([{S, 0} || S <- lists:seq(1, Senders)]))
    end),
    [{rate, Share * Senders / Seconds}].

sender(_, _, Share, Share) -> ok;
sender(To, Sender, Number, Share) ->
    To ! {Sender, Number},
    sender(To, Sender, Number + 1, Share).

%% The messages of one sender must come in order.
receive_each(0, _) -> ok;
receive_each(Missing, NextOf) ->
    receive {Sender, Number} ->
        #{Sender := Number} = NextOf,
        receive_each(Missing - 1, NextOf#{Sender := Number + 1})
    end.

message_size(#{bytes := Bytes, asks := Asks}) ->
    Payload = binary:copy(<<"x">>, Bytes),
    Echo = spawn_link(fun echo/0),
    {Seconds, Sizes} = bench:timed(fun() ->
        [byte_size(call(Echo, Payload)) || _ <- lists:seq(1, Asks)]
    end),
    true = lists:all(fun(Size) -> Size =:= Bytes end, Sizes),
    [{time, Seconds / Asks}].

%% Bytes of main memory that the virtual machine uses.
used() ->
    case file:read_file("/proc/self/statm") of
        {ok, Text} ->
            [_, Pages | _] = string:lexemes(Text, " "),
            binary_to_integer(Pages) * 4096;
        _ -> erlang:memory(total)
    end.
