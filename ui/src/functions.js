// Functions that the server's SQL knows (worker/query/policy.c), for
// completion; a test compares the two.

export const functions = ('abs acos acosh asin asinh atan atan2 atanh avg ceil'
    + ' ceiling changes char coalesce cos cosh count cume_dist date datetime'
    + ' degrees dense_rank exp first_value floor format glob group_concat hex'
    + ' ifnull iif instr json json_array json_array_length json_extract'
    + ' json_group_array json_group_object json_insert json_object json_patch'
    + ' json_quote json_remove json_replace json_set json_type json_valid'
    + ' julianday lag last_value lead length like likelihood likely ln log'
    + ' log10 log2 lower ltrim max min mod nth_value ntile nullif percent_rank'
    + ' pi pow power printf quote radians random randomblob rank replace round'
    + ' row_number rtrim sign sin sinh soundex sqrt strftime substr substring'
    + ' sum tan tanh time total trim trunc typeof unicode unixepoch unlikely'
    + ' upper zeroblob').split(' ');
